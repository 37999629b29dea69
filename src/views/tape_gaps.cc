#include "views/tape_gaps.h"

#include "store/tape_label.h"

namespace tapedeck {

Result<> each_tape_gap(Store& store, const std::string& topic, Timestamp from, Timestamp to,
                       const std::function<Result<>(const LostMessages&)>& sink) {
    return store.query(
        {"select topic, partition, from_offset, to_offset, recorded_at from tape_gaps where "
         "recorded_at >= $1 and recorded_at < $2 order by id",
         {from, to},
         {}},
        [&](const RowView& row) -> Result<> {
            if (!topic.empty() && topic_on_tape(row.text(0)) != topic) return {};
            return sink(
                {{{std::string(row.text(0)), Partition(static_cast<std::int32_t>(row.integer(1)))},
                  Offset(row.integer(2)),
                  Offset(row.integer(3))},
                 row.timestamp(4)});
        });
}

}  // namespace tapedeck
