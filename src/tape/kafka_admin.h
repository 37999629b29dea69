#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tape/kafka_client.h"

namespace tapedeck {

// The number of partitions of a topic; nothing where there is no such topic.
Result<std::optional<int>> count_partitions(const KafkaClient& client, const std::string& topic);

// Makes a topic that keeps its messages' own timestamps, however far the clocks are apart. One
// that exists already is left as it is.
Result<> create_topic(const KafkaClient& client, const KafkaOptions& options,
                      const std::string& topic, int partitions);

// Forgets the messages before `before`, which is at most the partition's end.
Result<> delete_records(const KafkaClient& client, const TopicPartition& at, Offset before);

// The offsets that a group has committed for these partitions; those without one are absent. Does
// not join the group.
Result<std::map<TopicPartition, Offset>> committed_offsets(
    const KafkaOptions& options, const std::string& group,
    const std::vector<TopicPartition>& partitions);

struct KafkaBroker {
    std::int32_t id;
    std::string host;
    int port;
    friend bool operator==(const KafkaBroker&, const KafkaBroker&) = default;
};
// The brokers that are up.
Result<std::vector<KafkaBroker>> list_brokers(const KafkaClient& client);

}  // namespace tapedeck
