#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collect/feed.h"
#include "store/store.h"
#include "store/stored_price.h"

namespace tapedeck {

// What the store knows of one price, or of one that is missing: the parts of what `why` tells.

struct RowFacts {
    std::string feed;
    std::string table;
    std::int64_t id = 0;
    std::string instrument;
    std::string name;
    StoredPrice price;
    StoredPrice previous_close;
    std::string currency;
    Timestamp date;
    std::optional<Timestamp> slot;
    std::string source;
    std::int64_t revision = 0;
    std::optional<Timestamp> recorded_at;
    std::string capture;
};

struct AttemptFacts {
    std::string run_id;
    std::int64_t number = 0;
    Attempt attempt;
};

struct SentFacts {
    std::string run_id;
    std::string rule;
    std::string source;
    Position position;
    std::string collector;
};

struct BatchFacts {
    std::int64_t id = 0;
    Offset from, to;
    std::int64_t rows = 0;
    Timestamp committed_at;
    std::string loader;
};

// What the last account says of an instrument that no price came of.
struct TriedFacts {
    std::string run_id;
    std::string reason;
    std::string what;
};

struct SlotKey {
    std::string feed;
    Timestamp slot;
    std::string instrument;
};

// Rows of the feed's table, the highest revision first; `where` is SQL over its columns.
Result<std::vector<RowFacts>> find_rows(Store& store, const Feed& feed, const std::string& where,
                                        const std::vector<Value>& values);
// Every question that was put, in the order of time.
Result<std::vector<AttemptFacts>> attempts_of(Store& store, const SlotKey& key);
// Where the price went; of several that of `source`, where it is told.
Result<std::optional<SentFacts>> sent_of(Store& store, const SlotKey& key,
                                         const std::string* source);
// The last account that had no price.
Result<std::optional<TriedFacts>> tried_of(Store& store, const SlotKey& key);
// The last slot in which anybody asked, whatever came of it.
Result<std::optional<Timestamp>> last_tried(Store& store, const std::string& feed,
                                            const std::string& instrument);
// The transaction that loaded a message.
Result<std::optional<BatchFacts>> batch_of(Store& store, const Position& position);

}  // namespace tapedeck
