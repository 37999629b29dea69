#include "run/retention.h"

#include <algorithm>
#include <vector>

#include "store/tape_label.h"

namespace tapedeck {
namespace {

constexpr std::size_t kReadBytes = 1024 * 1024;

// The first offset in [from, loaded) whose message is not older than `before`.
Result<Offset> first_to_keep(Tape& tape, const TopicPartition& at, Offset from, Offset loaded,
                             Timestamp before) {
    while (from < loaded) {
        auto chunk = tape.read(at, from, kReadBytes);
        if (!chunk) return chunk.error();
        for (const TapeMessage& message : chunk->messages) {
            if (message.offset >= loaded) return loaded;
            if (message.timestamp >= before) return message.offset;
        }
        TAPEDECK_ASSERT(chunk->next > from);
        from = chunk->next;
    }
    return loaded;
}

}  // namespace

Result<> discard_loaded(Tape& tape, Store& store, Timestamp before) {
    const auto label = label_of(store, tape);
    if (!label) return label.error();
    std::vector<std::pair<TopicPartition, Offset>> ledger;
    auto done = store.query(
        {"select topic, partition, next_offset from offsets", {}, {}},
        [&](const RowView& row) -> Result<> {
            if (!label->is_of(row.text(0))) return {};
            ledger.push_back(
                {{std::string(row.text(0)), Partition(static_cast<std::int32_t>(row.integer(1)))},
                 Offset(row.integer(2))});
            return {};
        });
    if (!done) return done;
    for (const auto& [stored, loaded] : ledger) {
        const TopicPartition at = place_on_tape(stored);
        const auto extent = tape.extent(at);
        if (!extent) return extent.error();
        // The last loaded message stays: a resume reads it again and compares.
        const Offset limit(std::max<std::int64_t>(0, loaded.value() - 1));
        const auto keep = first_to_keep(tape, at, extent->earliest, limit, before);
        if (!keep) return keep.error();
        if (*keep <= extent->earliest) continue;
        // A commit that was followed at once may not be on the store's disk yet: one that is not
        // brings it there, before the messages go that could be loaded again. A ledger that stands
        // before them now was taken back by a crash since it was read.
        const std::vector<Statement> touch{
            {"update offsets set next_offset = next_offset where topic = $1 and partition = $2 and "
             "next_offset > $3",
             {stored.topic, static_cast<std::int64_t>(at.partition.value()), keep->value()},
             1}};
        const auto touched = store.transact(touch);
        if (!touched && touched.error().kind == ErrorKind::conflict) continue;
        if (!touched) return touched.error();
        if (auto discarded = tape.discard(at, *keep); !discarded) return discarded;
    }
    return {};
}

}  // namespace tapedeck
