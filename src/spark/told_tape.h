#pragma once

#include "spark/session_config.h"
#include "tape/tape.h"

namespace tapedeck {

// A tape of which nothing is known but what somebody who can reach it has told: enough to decide
// where loading begins. Whatever would need the tape itself is `rejected`. Borrows the facts.
class ToldTape : public Tape {
public:
    ToldTape(std::string identity, const TapeFacts& facts)
        : identity_(std::move(identity)), facts_(facts) {}

    Result<std::string> identity() override { return identity_; }
    Result<> ensure_topic(const std::string& topic, int partitions) override;
    Result<std::vector<Partition>> partitions(const std::string& topic) override;
    Result<std::vector<Result<Position>>> append(
        std::span<const OutgoingMessage> messages) override;
    Result<Extent> extent(const TopicPartition& at) override;
    Result<Offset> offset_at(const TopicPartition& at, Timestamp time) override;
    Result<Chunk> read(const TopicPartition& at, Offset from, std::size_t max_bytes) override;
    Result<std::unique_ptr<TapeReader>> open_reader(std::vector<std::string> topics,
                                                    std::string group) override;
    Result<> discard(const TopicPartition& at, Offset before) override;

private:
    const std::string identity_;
    const TapeFacts& facts_;
};

}  // namespace tapedeck
