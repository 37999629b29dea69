#pragma once

#include <vector>

#include "spark/range_loader.h"
#include "spark/session_config.h"

namespace tapedeck {

struct BegunPartition {
    TopicPartition at;
    Offset ledger;  // the next to load
    // Where reading begins: at the ledger where the facts have what was loaded last, else a little
    // before, so that it is seen.
    Offset start;
};
struct Begun {
    std::vector<BegunPartition> partitions;
    std::int64_t gaps = 0;  // messages that the tape has no longer
};

// What a loader does before it reads, for one that has no tape of its own: makes sure that the
// topics are this store's to load and where their loading begins, holds the ledger against what the
// tape holds, and writes what is gone into tape_gaps, in the transaction that moves the ledger.
// `rejected` where a topic was made anew or a person has to choose.
Result<Begun> begin_loading(Store& store, Clock& clock, Log& log, const RangeOptions& options,
                            const std::string& identity, const TapeFacts& facts);

}  // namespace tapedeck
