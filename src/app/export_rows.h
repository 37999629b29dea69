#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "app/spans.h"
#include "store/store.h"
#include "store/stored_price.h"

namespace tapedeck {

// One row of a table of prices, as it is exported and drawn.
struct ExportRow {
    std::string feed;
    std::string table;
    std::int64_t id = 0;
    std::string instrument;
    std::string name;
    std::optional<Timestamp> slot;  // none: of the original
    Timestamp date;
    StoredPrice price;
    StoredPrice previous_close;
    std::string currency;
    std::string source;
    std::int64_t revision = 0;
    std::optional<Timestamp> recorded_at;
    std::string capture;
};

// Which rows are wanted.
struct ExportChoice {
    Span span;               // of slots; of the dates of rows without one
    std::string feed;        // empty: all
    std::string instrument;  // empty: all
    std::optional<Timestamp> known_at;
    bool all = false;
};

// Picks the row that counts of each slot and instrument, as the views of prices do: the highest
// revision, then the one recorded first. Rows come in the order of slot, instrument, revision
// (downwards), recorded_at and id; those without a slot are prices of their own.
class OnePerSlot {
public:
    bool takes(const ExportRow& row);

private:
    std::optional<Timestamp> slot_;
    std::string instrument_;
};

// Gives `sink` the wanted rows of every table, one after the other: those of the original in order
// of their dates, then by slot and instrument. Nothing is kept in memory; `sink` may end it with an
// error. Feeds that share a table are told apart by their instruments.
Result<> each_row(Store& store, const std::map<std::string, Feed>& feeds,
                  const ExportChoice& choice,
                  const std::function<Result<>(const ExportRow&)>& sink);

// Counts the rows whose price is nothing to reckon with, as other programs may write it, for a
// sentence that names the first of them.
class OddPrices {
public:
    void look_at(const ExportRow& row);
    // "2 rows hold no number as price, the first coin_records id 3 of bitcoin: NaN"; empty where
    // there is none.
    std::string sentence() const;

private:
    std::int64_t count_ = 0;
    std::string first_;
};

// The column names of an export, as a line of CSV.
std::string csv_header();

// RFC 4180, but lines end with "\n" alone, as every tool here takes it. Prices have their exact
// digits, and one that is no number stands as the database has it; what is not known is empty.
void append_csv(std::string& out, const ExportRow& row);

// One JSON object and a line end; prices are strings, so that no reader rounds them.
void append_json_line(std::string& out, const ExportRow& row);

}  // namespace tapedeck
