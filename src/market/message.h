#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/strong.h"
#include "base/time.h"

// What goes from tape to store: where a message stands, and the message.
namespace tapedeck {

struct TopicPartition {
    std::string topic;
    Partition partition;
    friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

struct MessageHeader {
    std::string name;
    std::string value;
    friend bool operator==(const MessageHeader&, const MessageHeader&) = default;
};

// A message to append. The partition follows from the key: the same key, the same partition.
struct OutgoingMessage {
    std::string topic;
    std::string key;
    std::string value;
    Timestamp timestamp;  // kept in milliseconds, as Kafka does
    std::vector<MessageHeader> headers;
};

// Where a message stands once it is durable.
struct Position {
    TopicPartition at;
    Offset offset;
    friend bool operator==(const Position&, const Position&) = default;
};

// A message as read; the texts live as long as the chunk that holds it.
struct TapeMessage {
    Offset offset;
    std::optional<Timestamp> timestamp;  // none, or one that is no time: see message_time
    std::string_view key;                // empty where there is none
    std::string_view value;
};

}  // namespace tapedeck
