#include "tape/memory_tape.h"

#include "base/mutex.h"
#include "tape/tape_rules.h"

namespace tapedeck {

class MemoryTape::MemoryCursor : public LocalTape::Cursor {
public:
    explicit MemoryCursor(MemoryTape& tape) : tape_(tape) {}
    Result<Extent> extent(const TopicPartition& at) override { return tape_.extent(at); }
    Result<Chunk> read(const TopicPartition& at, Offset from, std::size_t max_bytes) override {
        return tape_.read(at, from, max_bytes);
    }

private:
    MemoryTape& tape_;
};

Result<std::unique_ptr<LocalTape::Cursor>> MemoryTape::open_cursor() {
    return std::unique_ptr<Cursor>(std::make_unique<MemoryCursor>(*this));
}

Result<> MemoryTape::ensure_topic(const std::string& topic, int partitions) {
    if (auto fault = topic_fault(topic, partitions)) return *std::move(fault);
    {
        const Lock lock(mutex_);
        const auto [entry, made] =
            topics_.try_emplace(topic, std::vector<Log>(static_cast<std::size_t>(partitions)));
        if (entry->second.size() != static_cast<std::size_t>(partitions)) {
            return other_partitions(topic, static_cast<int>(entry->second.size()), partitions);
        }
        if (!made) return {};
    }
    topic_made(topic, partitions);
    return {};
}

Result<std::vector<Partition>> MemoryTape::partitions(const std::string& topic) {
    const Lock lock(mutex_);
    const auto found = topics_.find(topic);
    if (found == topics_.end()) return no_topic(topic);
    std::vector<Partition> out;
    for (std::size_t i = 0; i < found->second.size(); ++i) {
        out.emplace_back(static_cast<std::int32_t>(i));
    }
    return out;
}

Result<std::vector<Result<Position>>> MemoryTape::append(
    std::span<const OutgoingMessage> messages) {
    std::vector<Result<Position>> out;
    std::map<TopicPartition, Offset> ends;
    {
        const Lock lock(mutex_);
        for (const OutgoingMessage& message : messages) {
            const auto found = topics_.find(message.topic);
            if (found == topics_.end()) {
                out.emplace_back(no_topic(message.topic));
                continue;
            }
            const Partition partition =
                partition_of(message.key, static_cast<int>(found->second.size()));
            Log& log = found->second[static_cast<std::size_t>(partition.value())];
            const Offset offset(log.earliest + static_cast<std::int64_t>(log.messages.size()));
            log.messages.push_back(std::make_shared<const Stored>(Stored{
                in_milliseconds(message.timestamp), message.key, message.value, message.headers}));
            out.emplace_back(Position{{message.topic, partition}, offset});
            ends[{message.topic, partition}] = next(offset);
        }
    }
    for (const auto& [at, end] : ends) appended(at, end);
    return out;
}

Result<MemoryTape::Log*> MemoryTape::find(const TopicPartition& at) {
    const auto found = topics_.find(at.topic);
    if (found == topics_.end()) return no_topic(at.topic);
    const auto index = static_cast<std::size_t>(at.partition.value());
    if (index >= found->second.size()) return no_partition(at);
    return &found->second[index];
}

Result<Extent> MemoryTape::extent(const TopicPartition& at) {
    const Lock lock(mutex_);
    const auto log = find(at);
    if (!log) return log.error();
    return Extent{Offset((*log)->earliest),
                  Offset((*log)->earliest + static_cast<std::int64_t>((*log)->messages.size()))};
}

Result<Offset> MemoryTape::offset_at(const TopicPartition& at, Timestamp time) {
    const Lock lock(mutex_);
    const auto log = find(at);
    if (!log) return log.error();
    std::int64_t offset = (*log)->earliest;
    for (const auto& message : (*log)->messages) {
        if (message->timestamp >= time) break;
        ++offset;
    }
    return Offset(offset);
}

Result<Chunk> MemoryTape::read(const TopicPartition& at, Offset from, std::size_t max_bytes) {
    const Lock lock(mutex_);
    const auto log = find(at);
    if (!log) return log.error();
    const auto end = (*log)->earliest + static_cast<std::int64_t>((*log)->messages.size());
    if (from.value() < (*log)->earliest || from.value() > end) {
        return out_of_range(at, from, {Offset((*log)->earliest), Offset(end)});
    }
    Chunk chunk{at, from, from, {}, nullptr};
    auto kept = std::make_shared<std::vector<std::shared_ptr<const Stored>>>();
    std::size_t bytes = 0;
    for (; chunk.next.value() < end; chunk.next = next(chunk.next)) {
        const auto& stored =
            (*log)->messages[static_cast<std::size_t>(chunk.next.value() - (*log)->earliest)];
        bytes += stored->value.size();
        if (bytes > max_bytes && !chunk.messages.empty()) break;
        kept->push_back(stored);
        chunk.messages.push_back({chunk.next, stored->timestamp, stored->key, stored->value});
    }
    chunk.backing = std::move(kept);
    return chunk;
}

Result<> MemoryTape::discard(const TopicPartition& at, Offset before) {
    const Lock lock(mutex_);
    const auto log = find(at);
    if (!log) return log.error();
    while ((*log)->earliest < before.value() && !(*log)->messages.empty()) {
        (*log)->messages.pop_front();
        ++(*log)->earliest;
    }
    return {};
}

}  // namespace tapedeck
