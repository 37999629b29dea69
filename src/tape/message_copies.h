#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "tape/tape.h"

namespace tapedeck {

// Gathers messages of one partition whose bytes are somebody else's, and hands out chunks of them.
// The bytes are copied at once, into blocks that live as long as a chunk that holds them.
class MessageCopies {
public:
    void add(const TapeMessage& message);
    void clear();
    bool empty() const { return messages_.empty(); }
    std::size_t bytes() const { return bytes_; }  // of values

    // A chunk of `at` that starts at `from`: the messages from the first on that hold at most
    // `max_bytes` of values, one at least. The others stay.
    Chunk take(const TopicPartition& at, Offset from, std::size_t max_bytes);

private:
    using Block = std::unique_ptr<char[]>;

    std::string_view keep(std::string_view text);

    std::vector<TapeMessage> messages_;
    std::shared_ptr<std::vector<Block>> blocks_;
    char* free_ = nullptr;  // in the last block
    std::size_t room_ = 0;
    std::size_t bytes_ = 0;
    std::size_t last_count_ = 0;  // messages of the last chunk
};

}  // namespace tapedeck
