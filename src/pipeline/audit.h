#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "pipeline/coverage.h"

namespace tapedeck {

// One thing that re-deriving gives otherwise than the database has it.
struct AuditDifference {
    std::string feed;
    std::optional<Timestamp> slot;
    std::string instrument;
    std::string stored;
    std::string derived;
};

struct AuditReport {
    std::map<std::string, CoverageSum> feeds;  // as derived, closed ones included
    std::int64_t messages = 0;                 // read again on the tape
    std::int64_t prices = 0;                   // of those messages, compared with their rows
    std::int64_t unsettled = 0;  // derived, and not in the ledger yet: nobody records since
    std::vector<AuditDifference> differences;
};

// Derives the ledger again from schedule, calendar, configuration history and tape for
// [from, to), and compares: each state with the table `coverage`; each message that the tape still
// has below the ledger with its row, price by price, or with its dead letter. Reads only.
Result<AuditReport> audit(Store& store, Tape& tape, const std::map<std::string, Feed>& feeds,
                          std::span<const Expectation> expectations, Timestamp from, Timestamp to,
                          Timestamp now,
                          const std::function<void(std::int64_t, std::int64_t)>& progress);

}  // namespace tapedeck
