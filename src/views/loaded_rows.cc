#include "views/loaded_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "load/loading_start.h"
#include "store/tape_label.h"

namespace tapedeck {
namespace {

constexpr std::int64_t kBatchesLookedAt = 200'000;

void take_later(std::optional<Timestamp>& known, const RowView& row, int column) {
    if (row.is_null(column)) return;
    known = std::max(known.value_or(row.timestamp(column)), row.timestamp(column));
}

// By topic, as the tapes call it.
Result<std::map<std::string, LoadedRows, std::less<>>> by_topic(Store& store, Timestamp now) {
    std::map<std::string, LoadedRows, std::less<>> topics;
    const auto of = [&](const RowView& row) -> LoadedRows& {
        return topics[std::string(topic_on_tape(row.text(0)))];
    };
    auto done = store.query(
        {"select topic, sum(case when committed_at >= $1 then rows else 0 end), max(committed_at) "
         "from batches where rows > 0 and id > (select coalesce(max(id), 0) - $2 from batches) "
         "group by topic",
         {now - std::chrono::hours(24), kBatchesLookedAt},
         {}},
        [&](const RowView& row) -> Result<> {
            of(row).rows_last_day += row.integer(1);
            take_later(of(row).last_row, row, 2);
            return {};
        });
    if (!done) return done.error();
    done = store.query({"select topic, max(last_timestamp) from offsets group by topic", {}, {}},
                       [&](const RowView& row) -> Result<> {
                           take_later(of(row).last_message, row, 1);
                           return {};
                       });
    if (!done) return done.error();
    return topics;
}

Result<> count_others(Store& store, const std::string& table, const RowsBefore& before,
                      LoadedRows& loaded) {
    loaded.since = before.since;
    return store.query(
        {fmt::format("select count(*), min(date), max(date) from (select date from {} where "
                     "recorded_at is null and id > $1 order by id limit $2) as others",
                     table),
         {std::max(before.last_other, before.last_before), LoadedRows::kMostOthers},
         {}},
        [&](const RowView& row) -> Result<> {
            loaded.others = row.integer(0);
            if (!row.is_null(1)) loaded.others_from = row.timestamp(1);
            if (!row.is_null(2)) loaded.others_to = row.timestamp(2);
            return {};
        });
}

}  // namespace

Result<std::map<std::string, LoadedRows>> loaded_rows(Store& store,
                                                      const std::map<std::string, Feed>& feeds,
                                                      Timestamp now) {
    const auto topics = by_topic(store, now);
    if (!topics) return topics.error();
    const auto before = rows_before_loading(store);
    if (!before) return before.error();
    std::map<std::string, LoadedRows> all;
    for (const auto& [name, feed] : feeds) {
        LoadedRows& loaded = all[name];
        if (const auto known = topics->find(feed.topic); known != topics->end()) {
            loaded = known->second;
        }
        const auto began = before->find(feed.table.name);
        if (began == before->end()) continue;
        if (auto done = count_others(store, feed.table.name, began->second, loaded); !done) {
            return done.error();
        }
    }
    return all;
}

}  // namespace tapedeck
