#include "load/loading_start.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "events/recording.h"
#include "store/loader_name.h"

namespace tapedeck {
namespace {

constexpr int kTries = 3;  // another loader may begin at the same moment
constexpr std::string_view kFirst = "first";

std::string_view name_of(StartChoice::Where where) {
    constexpr std::array<std::string_view, 3> kNames{"start", "end", "time"};
    return kNames[static_cast<std::size_t>(where)];
}

// Rows that no message of the ledger gave. Where nothing was ever loaded that is all of them: the
// table may be a copy of another store's.
struct Unexplained {
    std::int64_t rows = 0;
    std::int64_t last_id = 0;
    std::optional<Timestamp> oldest;
    std::optional<Timestamp> newest;
};

Result<Unexplained> unexplained_rows(Store& store, const std::string& table, std::string_view where,
                                     std::vector<Value> values, const Patience& patience) {
    Unexplained found;
    auto done = store.query(
        {fmt::format("select count(*), max(id), min(date), max(date) from {} where {}", table,
                     where),
         std::move(values),
         {}},
        [&](const RowView& row) -> Result<> {
            found.rows = row.integer(0);
            if (found.rows == 0) return {};
            found.last_id = row.integer(1);
            if (!row.is_null(2)) found.oldest = row.timestamp(2);
            if (!row.is_null(3)) found.newest = row.timestamp(3);
            return {};
        },
        patience);
    if (!done) return done.error();
    return found;
}

// Right after the newest row, in milliseconds, as messages have them.
Timestamp right_after(Timestamp newest) {
    return std::chrono::floor<std::chrono::milliseconds>(newest) + std::chrono::milliseconds(1);
}

}  // namespace

const StartChoice* StartChoices::of(const std::string& topic) const {
    const auto own = by_topic.find(topic);
    if (own != by_topic.end()) return &own->second;
    return others ? &*others : nullptr;
}

Result<> add_start_choice(const std::string& text, StartChoices& choices) {
    const auto mark = text.find('=');
    const std::string topic = mark == text.npos ? std::string() : text.substr(0, mark);
    const std::string where = mark == text.npos ? text : text.substr(mark + 1);
    StartChoice choice;
    if (where == "end") {
        choice.where = StartChoice::Where::end;
    } else if (where != "start") {
        const auto time = parse_rfc3339(where);
        if (!time) return time.error();
        choice = {StartChoice::Where::time, *time};
    }
    const bool twice =
        topic.empty() ? choices.others.has_value() : choices.by_topic.contains(topic);
    if (twice) {
        return Error{ErrorKind::malformed, fmt::format("where {} begins is said twice: '{}'",
                                                       topic.empty() ? "loading" : topic, text)};
    }
    if (topic.empty()) {
        choices.others = choice;
    } else {
        choices.by_topic.emplace(topic, choice);
    }
    return {};
}

// A topic as tape and store know it.
struct LoadingStarts::Topic {
    std::string name;    // on the tape
    std::string stored;  // in the store
    std::string table;
    std::vector<Partition> partitions;
    std::map<Partition, Offset> ledger;
    std::map<Partition, std::string> starts;  // how each begins
    std::optional<StartChoice> chosen;        // of those, where one was
    std::int64_t last_other = 0;              // of the starts
    std::int64_t last_before = 0;
    std::int64_t others = 0;
    bool never_loaded = true;  // the store, from whatever topic

    bool is_begun() const {
        return chosen ||
               std::ranges::any_of(ledger, [](const auto& one) { return one.second > Offset(0); });
    }
    std::vector<Partition> without_start() const {
        std::vector<Partition> missing;
        for (const Partition one : partitions) {
            if (!starts.contains(one)) missing.push_back(one);
        }
        return missing;
    }
};

Result<LoadingStarts::Topic> LoadingStarts::look_at(const LoadedTopic& loaded,
                                                    const TapeLabel& label,
                                                    const Patience& patience) {
    Topic topic;
    topic.name = loaded.topic;
    topic.stored = label.topic(loaded.topic);
    topic.table = loaded.table->name;
    auto partitions = tape_.partitions(topic.name);
    if (!partitions && partitions.error().kind == ErrorKind::rejected) return topic;  // not yet
    if (!partitions) return partitions.error();
    topic.partitions = *std::move(partitions);
    const auto number = [](const RowView& row) {
        return Partition(static_cast<std::int32_t>(row.integer(0)));
    };
    auto done = store_.query(
        {"select partition, next_offset from offsets where topic = $1", {topic.stored}, {}},
        [&](const RowView& row) -> Result<> {
            topic.ledger[number(row)] = Offset(row.integer(1));
            return {};
        },
        patience);
    if (!done) return done.error();
    done = store_.query(
        {"select partition, how, asked, last_other, last_before, others from loading_starts where "
         "topic = $1 order by partition",
         {topic.stored},
         {}},
        [&](const RowView& row) -> Result<> {
            const std::string how(row.text(1));
            topic.starts[number(row)] = how;
            topic.last_other = row.integer(3);
            topic.last_before = row.integer(4);
            topic.others = row.integer(5);
            if (how == kFirst) return {};
            topic.chosen = StartChoice{};
            if (!row.is_null(2)) topic.chosen = {StartChoice::Where::time, row.timestamp(2)};
            return {};
        },
        patience);
    if (!done) return done.error();
    done = store_.query(
        {"select count(*) from (select 1 from batches where rows > 0 limit 1) as loaded", {}, {}},
        [&](const RowView& row) -> Result<> {
            topic.never_loaded = row.integer(0) == 0;
            return {};
        },
        patience);
    if (!done) return done.error();
    return topic;
}

// What is to be chosen by a person; empty where nothing is.
Result<std::string> LoadingStarts::begin_one(const LoadedTopic& loaded, const TapeLabel& label,
                                             Timestamp now, const Patience& patience) {
    auto looked = look_at(loaded, label, patience);
    if (!looked) return looked.error();
    Topic& topic = *looked;
    if (topic.partitions.empty()) return std::string();
    const StartChoice* choice = choices_.of(topic.name);
    const auto missing = topic.without_start();
    if (topic.is_begun() || begun_.contains(topic.stored)) {
        const bool is_news = choice != nullptr && begun_.insert(topic.stored).second;
        if (is_news && choices_.is_asked) {
            log_.emit(LoadingStartIsKept{topic.name});
        }
        if (missing.empty()) return std::string();
        if (topic.starts.empty()) {  // loaded by a program that kept no starts
            const auto before = unexplained_rows(
                store_, topic.table,
                "recorded_at is null and date < (select min(committed_at) from batches where topic "
                "= $1)",
                {topic.stored}, patience);
            if (!before) return before.error();
            topic.last_other = before->last_id;
            topic.others = before->rows;
        }
        // What comes later came after the choice, unless that is a time.
        const bool by_time = topic.chosen && topic.chosen->where == StartChoice::Where::time;
        auto kept = keep(topic, missing, by_time ? topic.chosen : std::nullopt, now, patience);
        if (!kept) return kept.error();
        return std::string();
    }
    const auto others = unexplained_rows(
        store_, topic.table, topic.never_loaded ? "1 = 1" : "recorded_at is null", {}, patience);
    if (!others) return others.error();
    std::int64_t messages = 0;
    for (const Partition one : topic.partitions) {
        const auto extent = tape_.extent({topic.name, one});
        if (!extent) return extent.error();
        messages += extent->end.value() - extent->earliest.value();
    }
    // What was there while the topic was empty is of no message that it has got since.
    const bool as_before = choice == nullptr && missing.empty() &&
                           topic.last_other == others->last_id && topic.others == others->rows;
    if (choice == nullptr && others->rows > 0 && messages > 0 && !as_before) {
        const std::string dated =
            others->newest ? fmt::format(", dated {} to {}", format_rfc3339(*others->oldest),
                                         format_rfc3339(*others->newest))
                           : std::string();
        const std::string after =
            others->newest ? format_rfc3339(right_after(*others->newest)) : std::string("TIME");
        return fmt::format(
            "{} holds {} rows that no loaded message explains{}, and {} holds {} messages of which "
            "none is loaded: `--from {}={}` begins after the newest row",
            topic.table, others->rows, dated, topic.name, messages, topic.name, after);
    }
    if (!as_before) {
        topic.last_other = others->last_id;
        topic.last_before = topic.never_loaded ? others->last_id : 0;
        topic.others = others->rows;
        auto kept = keep(topic, topic.partitions,
                         choice == nullptr ? std::nullopt : std::optional(*choice), now, patience);
        if (!kept) return kept.error();
    }
    begun_.insert(topic.stored);
    return std::string();
}

// The starts and what follows from them, in one transaction: the ledger stands at the start from
// the first moment on.
Result<> LoadingStarts::keep(const Topic& topic, std::span<const Partition> partitions,
                             const std::optional<StartChoice>& choice, Timestamp now,
                             const Patience& patience) {
    std::vector<Statement> statements;
    std::vector<std::pair<Partition, Offset>> begun;
    for (const Partition one : partitions) {
        const TopicPartition at{topic.name, one};
        Result<Offset> start = Offset(0);
        if (choice && choice->where == StartChoice::Where::time) {
            start = tape_.offset_at(at, choice->time);
        } else if (choice) {
            const auto extent = tape_.extent(at);
            if (!extent) return extent.error();
            start = choice->where == StartChoice::Where::end ? extent->end : extent->earliest;
        }
        if (!start) return start.error();
        const std::int64_t number = one.value();
        Value asked;
        if (choice && choice->where == StartChoice::Where::time) asked = choice->time;
        if (topic.starts.contains(one)) {
            statements.push_back(
                {"delete from loading_starts where topic = $1 and partition = $2 and how = 'first'",
                 {topic.stored, number},
                 {}});
        }
        statements.push_back(
            {"insert into loading_starts (topic, partition, start_offset, how, asked, price_table, "
             "others, last_other, last_before, decided_at) values ($1, $2, $3, $4, $5, $6, $7, $8, "
             "$9, $10) on conflict do nothing",
             {topic.stored, number, start->value(),
              std::string(choice ? name_of(choice->where) : kFirst), asked, topic.table,
              topic.others, topic.last_other, topic.last_before, now},
             1});
        if (*start > Offset(0)) {
            statements.push_back(
                {"insert into offsets (topic, partition, next_offset) values ($1, "
                 "$2, 0) on conflict do nothing",
                 {topic.stored, number},
                 {}});
            statements.push_back(
                {"update offsets set next_offset = $3 where topic = $1 and "
                 "partition = $2 and next_offset = 0",
                 {topic.stored, number, start->value()},
                 1});
            statements.push_back(
                {"insert into batches (topic, partition, from_offset, to_offset, rows, "
                 "committed_at, loader) values ($1, $2, 0, $3, 0, $4, $5)",
                 {topic.stored, number, start->value(), now, loader_name()},
                 {}});
        }
        begun.emplace_back(one, *start);
    }
    const auto done = store_.transact(statements, patience);
    if (!done) return done.error();
    if (!choice) return {};
    for (const auto& [one, start] : begun) {
        log_.emit(LoadingBegins{topic.name, one.value(), start.value(), name_of(choice->where),
                                topic.others});
    }
    return {};
}

Result<> LoadingStarts::begin(std::span<const LoadedTopic> topics, const TapeLabel& label,
                              Timestamp now, const Patience& patience) {
    std::string open;
    for (const LoadedTopic& one : topics) {
        if (!one.table) continue;
        for (int tries = 1;; ++tries) {
            auto begun = begin_one(one, label, now, patience);
            if (!begun && begun.error().kind == ErrorKind::conflict && tries < kTries) continue;
            if (!begun) return begun.error();
            if (!begun->empty()) open += (open.empty() ? "" : "; ") + *begun;
            break;
        }
    }
    if (open.empty()) return {};
    return Error{ErrorKind::rejected,
                 fmt::format("where loading begins must be said, as it may double what another "
                             "program has loaded: {}; `--from-end` loads what comes from now on, "
                             "`--from-start` all that the topics hold (docs/from-the-original.md)",
                             open)};
}

StartChoices LoadingStarts::left(std::span<const LoadedTopic> topics,
                                 const TapeLabel& label) const {
    StartChoices undecided;
    undecided.is_asked = choices_.is_asked;
    for (const LoadedTopic& one : topics) {
        const StartChoice* choice = choices_.of(one.topic);
        if (choice == nullptr || begun_.contains(label.topic(one.topic))) continue;
        undecided.by_topic.emplace(one.topic, *choice);
    }
    return undecided;
}

Result<std::map<TopicPartition, LoadingStart>> loading_starts(Store& store) {
    std::map<TopicPartition, LoadingStart> starts;
    auto done = store.query(
        {"select topic, partition, start_offset, how, price_table, decided_at from loading_starts",
         {},
         {}},
        [&](const RowView& row) -> Result<> {
            LoadingStart one{
                {std::string(row.text(0)), Partition(static_cast<std::int32_t>(row.integer(1)))},
                Offset(row.integer(2)),
                std::string(row.text(3)),
                std::string(row.text(4)),
                row.timestamp(5)};
            starts.emplace(one.at, std::move(one));
            return {};
        });
    if (!done) return done.error();
    return starts;
}

Result<std::map<std::string, RowsBefore>> rows_before_loading(Store& store) {
    std::map<std::string, RowsBefore> tables;
    // Several topics may fill a table: what came since the first of them came beside it.
    auto done = store.query(
        {"select price_table, last_other, last_before, decided_at from loading_starts order by "
         "decided_at, last_other",
         {},
         {}},
        [&](const RowView& row) -> Result<> {
            tables.emplace(row.text(0),
                           RowsBefore{row.integer(1), row.integer(2), row.timestamp(3)});
            return {};
        });
    if (!done) return done.error();
    return tables;
}

}  // namespace tapedeck
