#include "tape/tape_rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace tapedeck {
namespace {

constexpr int kMostPartitions = 10'000;
constexpr std::size_t kLongestTopic = 249;

bool is_topic_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

}  // namespace

std::optional<Error> topic_fault(const std::string& topic, int partitions) {
    if (topic.empty() || topic.size() > kLongestTopic || topic == "." || topic == ".." ||
        !std::ranges::all_of(topic, is_topic_char)) {
        return Error{ErrorKind::rejected,
                     fmt::format("topic \"{}\": a name is 1 to {} of letters, digits, '.', '_' "
                                 "and '-'",
                                 topic, kLongestTopic)};
    }
    if (partitions < 1 || partitions > kMostPartitions) {
        return Error{ErrorKind::rejected, fmt::format("topic {}: {} partitions; 1 to {} can be had",
                                                      topic, partitions, kMostPartitions)};
    }
    return std::nullopt;
}

Error no_topic(const std::string& topic) {
    return {ErrorKind::rejected, fmt::format("the tape has no topic \"{}\"", topic)};
}

Error no_partition(const TopicPartition& at) {
    return {ErrorKind::rejected,
            fmt::format("topic {} has no partition {}", at.topic, at.partition.value())};
}

Error other_partitions(const std::string& topic, int has, int asked) {
    return {ErrorKind::rejected,
            fmt::format("topic {} has {} partitions, not {}", topic, has, asked)};
}

Error out_of_range(const TopicPartition& at, Offset asked, const Extent& extent) {
    return {ErrorKind::corrupt,
            fmt::format("{}: offset {} is out of range: the tape holds [{}, {})", to_string(at),
                        asked.value(), extent.earliest.value(), extent.end.value())};
}

std::string to_string(const TopicPartition& at) {
    return fmt::format("{}[{}]", at.topic, at.partition.value());
}

std::optional<Timestamp> message_time(std::int64_t milliseconds) {
    using namespace std::chrono;
    constexpr sys_time<std::chrono::milliseconds> kEnd = sys_days(year(10'000) / January / 1);
    if (milliseconds < 0 || milliseconds >= kEnd.time_since_epoch().count()) return std::nullopt;
    return Timestamp(std::chrono::milliseconds(milliseconds));
}

Timestamp in_milliseconds(Timestamp time) {
    return std::chrono::floor<std::chrono::milliseconds>(time);
}

}  // namespace tapedeck
