#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "events/log.h"
#include "load/batch_maker.h"
#include "load/commit_queue.h"
#include "store/store.h"
#include "store/tape_label.h"

namespace tapedeck {

// Gives the messages of one partition, in the order of their offsets. One thread.
class ChunkSource {
public:
    virtual ~ChunkSource() = default;
    // At most `max_bytes` of values, one message at least; nothing at the end.
    virtual Result<std::optional<Chunk>> next(std::size_t max_bytes) = 0;
};

// The part of a partition that somebody else has read and cut: [from, until), all of its messages.
struct LoadRange {
    TopicPartition at;  // as the tape calls it
    Offset from;
    Offset until;
};

struct RangeLoaded {
    Offset next;  // of the ledger
    LoadSummary counts;
};

struct RangeOptions {
    std::vector<LoadedTopic> topics;
    TapeLabel label;
    BatchLimits batch;
    int committers = 2;
    int give_up_after = 0;  // as LoaderOptions has it
};

// Loads ranges of partitions whose messages are brought to it, by load/'s own batches and commits:
// what the loader does without a tape of its own to go back on. The ledger alone says where in a
// range to begin; what it has passed is dropped, and the last such message must be the one that
// was loaded last. One thread. All are borrowed.
class RangeLoader {
public:
    RangeLoader(Store& store, Clock& clock, Log& log, const RangeOptions& options)
        : store_(store), clock_(clock), log_(log), options_(options) {}

    // Everything is on the disk on return, and the ledger at the range's end or beyond. Errors:
    // `conflict` where the ledger is below the range: what lies between nobody has brought;
    // `unavailable` where the same range is to be brought again, as the ledger went back behind
    // what was read, or the store is away; `rejected` where the topic is another than the ledger's.
    Result<RangeLoaded> load(const LoadRange& range, ChunkSource& source);

    // Where the ledger stood when load() ended with an error, where that is known.
    std::optional<Offset> stopped_at() const { return stopped_at_; }

private:
    // One range on its way.
    class Work;

    Store& store_;
    Clock& clock_;
    Log& log_;
    const RangeOptions& options_;
    std::optional<Offset> stopped_at_;
};

}  // namespace tapedeck
