#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "tape/local_tape.h"

namespace tapedeck {

// A tape that dies with the process: for tests, and beside a store in memory.
class MemoryTape : public LocalTape {
public:
    explicit MemoryTape(std::string identity = "memory") : identity_(std::move(identity)) {}

    Result<std::string> identity() override { return identity_; }
    Result<> ensure_topic(const std::string& topic, int partitions) override;
    Result<std::vector<Partition>> partitions(const std::string& topic) override;
    Result<std::vector<Result<Position>>> append(
        std::span<const OutgoingMessage> messages) override;
    Result<Extent> extent(const TopicPartition& at) override;
    Result<Offset> offset_at(const TopicPartition& at, Timestamp time) override;
    Result<Chunk> read(const TopicPartition& at, Offset from, std::size_t max_bytes) override;
    Result<> discard(const TopicPartition& at, Offset before) override;

protected:
    Result<std::unique_ptr<Cursor>> open_cursor() override;

private:
    struct Stored {
        Timestamp timestamp;
        std::string key;
        std::string value;
        std::vector<MessageHeader> headers;
    };
    struct Log {
        std::int64_t earliest = 0;
        std::deque<std::shared_ptr<const Stored>> messages;  // shared: with the chunks that show it
    };
    class MemoryCursor;

    Result<Log*> find(const TopicPartition& at) TAPEDECK_REQUIRES(mutex_);

    const std::string identity_;
    Mutex mutex_;
    std::map<std::string, std::vector<Log>> topics_ TAPEDECK_GUARDED_BY(mutex_);
};

}  // namespace tapedeck
