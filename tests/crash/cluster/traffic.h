#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/time.h"
#include "tape/tape.h"

namespace tapedeck {

// A row as it must stand in the database, as texts.
struct ExpectedRow {
    std::string table;
    std::string key;    // slot, instrument, source, revision; empty: a message of the original
    std::string price;  // every digit
    // name|price|previous_close|date|instrument|slot|source|revision|currency, times in
    // microseconds since 1970, what is NULL empty.
    std::string line;
    std::string instrument, slot, source, date;
};

// One message and what must become of it.
struct Observation {
    OutgoingMessage message;
    std::vector<ExpectedRow> rows;  // none where it cannot be read
    bool is_readable = true;
    std::string refused;  // of one that is not, the part that cannot be read; empty: all of it
    bool is_too_large = false;  // to be refused to its sender
    bool is_outcomes = false;
    std::string feed;        // of a slot's own price of an instrument, which outcomes account for
    std::string instrument;  // …
};

struct TrafficShape {
    int coins = 12;
    int stocks = 6;
    int arrays = 8;      // of the original's messages in a slot
    int in_array = 6;    // prices in each
    int unreadable = 1;  // in a slot
    bool again = true;   // some prices come twice, from one source or two
};

// The observations of a day, made from a seed: the same seed, the same bytes. Written out here and
// not by the encoder of src/market/, so that what is compared in the end has two authors.
//
// Prices have 9 to 34 digits. A slot holds a price of each instrument; where the shape says so,
// some of them twice: with the same price, with another, or from another source.
class Traffic {
public:
    Traffic(std::uint64_t seed, std::string coin_topic, std::string stock_topic,
            Timestamp first_slot, TrafficShape shape);

    Timestamp slot_at(int number) const { return first_slot_ + std::chrono::minutes(number); }
    std::vector<Observation> slot(int number);

    // The original's message: an array, without key, slot or source.
    Observation array(Timestamp at);
    // `bytes` of a message that no broker takes.
    Observation too_large(std::size_t bytes);

    const std::vector<std::string>& coins() const { return coins_; }
    const std::vector<std::string>& stocks() const { return stocks_; }
    const std::string& coin_topic() const { return coin_topic_; }
    const std::string& stock_topic() const { return stock_topic_; }

private:
    Observation record(bool is_stock, const std::string& instrument, Timestamp slot,
                       const std::string& source, const std::string& price);
    Observation unreadable(Timestamp at);
    std::string new_price();
    bool one_in(int count);
    Timestamp moment_after(Timestamp slot);

    const std::string coin_topic_;
    const std::string stock_topic_;
    const Timestamp first_slot_;
    const TrafficShape shape_;
    std::vector<std::string> coins_;
    std::vector<std::string> stocks_;
    std::mt19937_64 random_;
    std::int64_t serial_ = 0;  // of prices: no two are alike
};

std::int64_t micros(Timestamp time);

}  // namespace tapedeck
