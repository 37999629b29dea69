#include "spark/told_tape.h"

#include <fmt/format.h>

#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

Error only_told() {
    return {ErrorKind::rejected, "this tape is known by what was told of it alone"};
}

}  // namespace

Result<std::vector<Partition>> ToldTape::partitions(const std::string& topic) {
    std::vector<Partition> found;
    for (const auto& [at, told] : facts_.partitions) {
        if (at.topic == topic) found.push_back(at.partition);
    }
    if (found.empty()) return no_topic(topic);
    return found;
}

Result<Extent> ToldTape::extent(const TopicPartition& at) {
    const auto told = facts_.partitions.find(at);
    if (told == facts_.partitions.end()) return no_partition(at);
    return told->second.extent;
}

Result<Offset> ToldTape::offset_at(const TopicPartition& at, Timestamp time) {
    const auto told = facts_.partitions.find(at);
    if (told == facts_.partitions.end()) return no_partition(at);
    if (told->second.at_time) return *told->second.at_time;
    return Error{ErrorKind::malformed, fmt::format("the facts lack at_time of {}, its offset at {}",
                                                   to_string(at), format_rfc3339(time))};
}

Result<> ToldTape::ensure_topic(const std::string&, int) { return only_told(); }
Result<std::vector<Result<Position>>> ToldTape::append(std::span<const OutgoingMessage>) {
    return only_told();
}
Result<Chunk> ToldTape::read(const TopicPartition&, Offset, std::size_t) { return only_told(); }
Result<std::unique_ptr<TapeReader>> ToldTape::open_reader(std::vector<std::string>, std::string) {
    return only_told();
}
Result<> ToldTape::discard(const TopicPartition&, Offset) { return only_told(); }

}  // namespace tapedeck
