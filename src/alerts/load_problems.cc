#include "alerts/load_problems.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "store/tape_label.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

constexpr std::size_t kLongestReason = 300;  // bytes

std::string feed_of(const std::map<std::string, Feed>& feeds, std::string_view topic) {
    const auto found =
        std::ranges::find_if(feeds, [&](const auto& entry) { return entry.second.topic == topic; });
    return found == feeds.end() ? std::string() : found->first;
}

// Of loaders that commit at the same time, a letter may be seen before one of a lower id.
constexpr std::int64_t kUnderWay = 1'000;  // letters

Result<> add_letters(Store& store, const std::map<std::string, Feed>& feeds, SettledLetters& known,
                     std::vector<LoadProblem>& out) {
    struct Group {
        std::string topic;
        std::int64_t count;
        std::int64_t first;
        Timestamp since;
    };
    std::int64_t last = 0;
    auto done = store.query({"select max(id) from dead_letters", {}, {}},
                            [&](const RowView& row) -> Result<> {
                                last = row.is_null(0) ? 0 : row.integer(0);
                                return {};
                            });
    if (!done) return done;
    std::vector<Group> groups;
    done = store.query({"select d.topic, count(*), min(d.id), min(d.recorded_at) from dead_letters "
                        "d where d.id > $1 "
                        "and not exists (select 1 from dead_letter_ends e where e.letter = d.id) "
                        "group by d.topic order "
                        "by "
                        "d.topic",
                        {known.up_to},
                        {}},
                       [&](const RowView& row) -> Result<> {
                           groups.push_back({std::string(row.text(0)), row.integer(1),
                                             row.integer(2), row.timestamp(3)});
                           return {};
                       });
    if (!done) return done;
    std::int64_t first_open = last + 1;
    for (const Group& group : groups) first_open = std::min(first_open, group.first);
    known.up_to = std::max(known.up_to, first_open - 1 - kUnderWay);
    for (const Group& group : groups) {
        std::string first;
        done =
            store.query({"select partition, message_offset, reason from dead_letters where id = $1",
                         {group.first},
                         {}},
                        [&](const RowView& row) -> Result<> {
                            first = fmt::format("{}[{}] offset {}: {}", topic_on_tape(group.topic),
                                                row.integer(0), row.integer(1),
                                                cut_to(row.text(2), kLongestReason));
                            return {};
                        });
        if (!done) return done;
        const std::string topic(topic_on_tape(group.topic));
        out.push_back({{std::string(kLettersProblem) + group.topic, feed_of(feeds, topic),
                        fmt::format("{} dead letter{} of {}{} {} ({}); `tapedeck dead-letters list "
                                    "--topic {}` shows {}, then retry or drop",
                                    group.count, group.count == 1 ? "" : "s", topic,
                                    group.count == 1 ? ": ID" : ", the first is ID", group.first,
                                    first, topic, group.count == 1 ? "it" : "them")},
                       group.since});
    }
    return {};
}

}  // namespace

Result<std::vector<LoadProblem>> load_problems(Store& store,
                                               const std::map<std::string, Feed>& feeds,
                                               SettledLetters& known) {
    std::vector<LoadProblem> out;
    if (auto done = add_letters(store, feeds, known, out); !done) return done.error();
    // Where the ledger is past it, it is over.
    auto done = store.query(
        {"select s.topic, s.partition, s.from_offset, s.since, s.what from stalls s join offsets o "
         "on o.topic = s.topic and o.partition = s.partition and o.next_offset = s.from_offset "
         "order by s.topic, s.partition",
         {},
         {}},
        [&](const RowView& row) -> Result<> {
            const TopicPartition at{std::string(row.text(0)),
                                    Partition(static_cast<std::int32_t>(row.integer(1)))};
            const std::string shown = to_string(place_on_tape(at));
            out.push_back({{std::string(kStallProblem) + to_string(at),
                            feed_of(feeds, topic_on_tape(at.topic)),
                            fmt::format("{} is not loaded from offset {} on: the store takes "
                                        "nothing of it until this is mended, and nothing is lost "
                                        "meanwhile: {}",
                                        shown, row.integer(2), row.text(4))},
                           row.timestamp(3)});
            return {};
        });
    if (!done) return done.error();
    return out;
}

}  // namespace tapedeck
