#include "load/stalls.h"

namespace tapedeck {

Result<> note_stall(Store& store, const Stall& stall, Timestamp now, const Patience& patience) {
    const std::vector<Statement> note{
        {"insert into stalls (topic, partition, from_offset, since, what) values ($1, $2, $3, $4, "
         "$5) on conflict (topic, partition) do update set since = case when stalls.from_offset = "
         "excluded.from_offset then stalls.since else excluded.since end, from_offset = "
         "excluded.from_offset, what = excluded.what",
         {stall.at.topic, static_cast<std::int64_t>(stall.at.partition.value()),
          stall.offset.value(), now, stall.what},
         {}}};
    auto done = store.transact(note, patience);
    return done ? Result<>() : Result<>(done.error());
}

Result<> end_stall(Store& store, const TopicPartition& at, const Patience& patience) {
    const std::vector<Statement> end{{"delete from stalls where topic = $1 and partition = $2",
                                      {at.topic, static_cast<std::int64_t>(at.partition.value())},
                                      {}}};
    auto done = store.transact(end, patience);
    return done ? Result<>() : Result<>(done.error());
}

}  // namespace tapedeck
