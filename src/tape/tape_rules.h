#pragma once

#include <optional>
#include <string>

#include "tape/tape.h"

namespace tapedeck {

// What every tape of ours refuses, in the same words. A topic's name has the form that Kafka
// demands: 1 to 249 of [a-zA-Z0-9._-], neither "." nor "..".
std::optional<Error> topic_fault(const std::string& topic, int partitions);
Error no_topic(const std::string& topic);
Error no_partition(const TopicPartition& at);
Error other_partitions(const std::string& topic, int has, int asked);
Error out_of_range(const TopicPartition& at, Offset asked, const Extent& extent);

// "coin_topic[0]", as Kafka's own tools write it.
std::string to_string(const TopicPartition& at);

// The time of a message whose tape holds this number of milliseconds since 1970. None where it has
// none (Kafka's -1), and where the number is outside the years 1970 to 9999, as somebody's
// nanoseconds are: foreign writers may send any.
std::optional<Timestamp> message_time(std::int64_t milliseconds);

// A message's time as a tape keeps it: whole milliseconds, the rest cut.
Timestamp in_milliseconds(Timestamp time);

}  // namespace tapedeck
