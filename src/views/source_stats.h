#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "market/outcome.h"
#include "store/store.h"

namespace tapedeck {

// How a source has done, by the attempts in the store.
struct SourceStats {
    std::int64_t asked = 0;  // of the span; what was not asked as it rested is none
    std::int64_t answered = 0;
    std::vector<std::int64_t> took_ms;    // of those asked
    std::optional<Timestamp> last_price;  // ever
    std::optional<Attempt> last_failure;  // ever
    std::int64_t failed() const { return asked - answered; }
};

// Of [from, to), by source; last price and failure are those before `to`.
Result<std::map<std::string, SourceStats>> source_stats(Store& store, Timestamp from, Timestamp to);

struct SourceAttempt {
    std::string feed;
    std::string instrument;
    Timestamp slot;
    Attempt attempt;
};
// The last `count` of a source, the latest first.
Result<std::vector<SourceAttempt>> last_attempts(Store& store, const std::string& source,
                                                 int count);

// The keys of both, of the object under way.
void write_attempt(JsonWriter& json, const Attempt& attempt);
void write_stats(JsonWriter& json, const SourceStats& stats);

// The middle one of an odd number, the lower middle one of an even; none of none.
std::optional<std::int64_t> median(std::vector<std::int64_t> values);

// "98.6": of a hundred, rounded down, so that 100 means all; empty where there are none.
std::string percent_of(std::int64_t part, std::int64_t whole);

}  // namespace tapedeck
