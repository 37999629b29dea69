#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tape/kafka/kafka_client.h"

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

// A reader in a group, in whatever process it lives.
struct KafkaMember {
    std::string id;      // given by the broker: the client's id and a random part
    std::string client;  // KafkaOptions::client_id
    std::string host;    // as the broker sees it: "/127.0.0.1"
    std::vector<TopicPartition> partitions;  // in order; none while the group is settling
    friend bool operator==(const KafkaMember&, const KafkaMember&) = default;
};
// The members of a group, by id; none where the group is unknown or empty.
Result<std::vector<KafkaMember>> list_members(const KafkaClient& client, const std::string& group);

// A member's share as the group's leader wrote it (Kafka's ConsumerProtocolAssignment, versions 0
// to 3; what follows the partitions is passed over). No bytes are no partitions. Errors:
// `malformed` where the bytes end early or a number is negative. Pure.
Result<std::vector<TopicPartition>> decode_assignment(std::string_view bytes);

}  // namespace tapedeck
