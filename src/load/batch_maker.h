#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "market/record.h"
#include "store/deployment.h"
#include "store/store.h"
#include "tape/tape.h"

namespace tapedeck {

// Where the messages of a topic go. Topics without a table of prices hold outcomes.
struct LoadedTopic {
    std::string topic;
    std::optional<PriceTable> table;
};

// What one batch may hold.
struct BatchLimits {
    std::size_t bytes = 8 * 1024 * 1024;   // of message values
    std::size_t rows = 100'000;            // those of one message stay together
    std::size_t memory = 5 * 1024 * 1024;  // decoded and encoded
};

// What was in a chunk.
struct ChunkSize {
    std::size_t messages = 0;
    std::size_t bytes = 0;  // of their values
    std::size_t rows = 0;   // that they gave
};
// How many bytes of a topic's messages to read at once, so that one batch comes of them that keeps
// to the limits: judged by the last chunk, as the messages of a topic are alike. A part of the
// limit as long as none was seen.
std::size_t bytes_to_read(const BatchLimits& limits, const ChunkSize& last);

// Appends the records of a message of prices, as RecordDecoder does. `malformed` also where one has
// no time: neither its own nor its message's; then `out` is unchanged.
Result<> read_prices(RecordDecoder& decoder, const TapeMessage& message, RecordForm form,
                     TextArena& arena, std::vector<Record>& out);

// Turns the messages of one chunk into a batch. Unreadable ones become dead letters. The batch
// ends after its last message, so that a resume can read that message again. Borrows the chunk's
// bytes and the arena. A function of its input: the same messages give the same batch.
class BatchMaker {
public:
    explicit BatchMaker(const std::vector<LoadedTopic>& topics, std::size_t most_rows = SIZE_MAX)
        : topics_(topics), most_rows_(most_rows) {}

    // Of the chunk's messages from index `first` on, as many as fit into most_rows, one at least;
    // `first` moves past them. The batch begins at `from`, and uses the memory of `room`.
    Batch make(const Chunk& chunk, Offset from, std::size_t& first, TextArena& arena,
               BatchRows room = {});
    Batch make(const Chunk& chunk, TextArena& arena) {  // all of them
        std::size_t first = 0;
        Batch batch = make(chunk, chunk.from, first, arena);
        TAPEDECK_ASSERT(first == chunk.messages.size());
        return batch;
    }

    // Accounts of others are left out from now on.
    void set_owner(AccountOwner owner) { owner_ = std::move(owner); }
    // The deployments whose accounts were left out since the last call, and how many.
    std::map<std::string, std::int64_t> take_foreign() { return std::exchange(foreign_, {}); }

private:
    AccountOwner owner_;
    std::map<std::string, std::int64_t> foreign_;
    const std::vector<LoadedTopic>& topics_;
    const std::size_t most_rows_;
    RecordDecoder decoder_;
};

}  // namespace tapedeck
