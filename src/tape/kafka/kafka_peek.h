#pragma once

#include <memory>

#include "tape/kafka/kafka_client.h"

namespace tapedeck {

// Reads single stretches of partitions, without a group and without leaving anything behind: for
// looking at. Keeps its connections from one read to the next. One thread at a time.
class KafkaPeek {
public:
    static Result<std::unique_ptr<KafkaPeek>> open(const KafkaOptions& options);

    // As Tape::read, where `extent` is what the partition held a moment ago and `from` lies in it.
    Result<Chunk> read(const TopicPartition& at, Offset from, const Extent& extent,
                       std::size_t max_bytes);

private:
    explicit KafkaPeek(std::shared_ptr<KafkaClient> client) : client_(std::move(client)) {}

    const std::shared_ptr<KafkaClient> client_;
};

}  // namespace tapedeck
