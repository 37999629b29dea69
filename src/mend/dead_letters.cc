#include "mend/dead_letters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "load/batch_maker.h"
#include "load/topic_claims.h"
#include "store/batch_rules.h"
#include "store/tape_label.h"

namespace tapedeck {
namespace {

constexpr std::int64_t kAtOnce = 500;

struct StateName {
    LetterState state;
    std::string_view name;
};
constexpr std::array kNames{StateName{LetterState::open, "open"},
                            StateName{LetterState::retried, "retried"},
                            StateName{LetterState::dropped, "dropped"}};

constexpr std::string_view kColumns =
    "d.id, d.topic, d.partition, d.message_offset, d.timestamp, d.key, d.reason, d.recorded_at,"
    " length(d.value), e.how, e.at, e.by_whom, e.why, (select count(*) from dead_letter_tries t"
    " where t.letter = d.id), (select t.reason from dead_letter_tries t where t.letter = d.id order"
    " by t.id desc limit 1)";
constexpr std::string_view kFrom =
    " from dead_letters d left join dead_letter_ends e on e.letter = d.id where ";
constexpr int kValueColumn = 15;  // where it is asked for

std::string bytes_of(const RowView& row, int column) {
    if (row.is_null(column)) return {};
    const auto bytes = row.bytes(column);
    return {bytes.begin(), bytes.end()};
}

Result<StoredLetter> letter_of(const RowView& row) {
    StoredLetter out{};
    out.id = row.integer(0);
    out.letter.at = {std::string(row.text(1)),
                     Partition(static_cast<std::int32_t>(row.integer(2)))};
    out.letter.offset = Offset(row.integer(3));
    if (!row.is_null(4)) out.letter.timestamp = row.timestamp(4);
    out.letter.key = bytes_of(row, 5);
    out.letter.reason = row.text(6);
    out.recorded_at = row.timestamp(7);
    out.bytes = row.integer(8);
    if (!row.is_null(9)) {
        const auto state = letter_state_named(row.text(9));
        if (!state) {
            return Error{ErrorKind::corrupt,
                         fmt::format("dead letter {}: it ended as '{}'", out.id, row.text(9))};
        }
        out.state = *state;
        out.ended_at = row.timestamp(10);
        out.ended_by = row.text(11);
        out.why = row.text(12);
    }
    out.tries = row.integer(13);
    if (!row.is_null(14)) out.last_reason = row.text(14);
    return out;
}

bool is_asked(const LetterFilter& filter, const StoredLetter& one) {
    if (filter.state && *filter.state != one.state) return false;
    if (!filter.topic.empty() && topic_on_tape(one.letter.at.topic) != filter.topic) return false;
    if (filter.from && one.recorded_at < *filter.from) return false;
    if (filter.to && one.recorded_at >= *filter.to) return false;
    if (!filter.ids.empty() && std::ranges::count(filter.ids, one.id) == 0) return false;
    return filter.reason.empty() || one.reason().find(filter.reason) != std::string::npos;
}

bool is_of_the_store(const StoredLetter& letter) {
    return letter.reason().starts_with(kRefusedByStore);
}

// The database's words, whatever they were put into on their way.
std::string refusal_in(const std::string& what) {
    const auto at = what.find(kRefusedByStore);
    return at == std::string::npos ? what : what.substr(at);
}

}  // namespace

std::string_view to_string(LetterState state) {
    return std::ranges::find(kNames, state, &StateName::state)->name;
}

std::optional<LetterState> letter_state_named(std::string_view name) {
    const auto found = std::ranges::find(kNames, name, &StateName::name);
    if (found == kNames.end()) return std::nullopt;
    return found->state;
}

Result<> each_letter(Store& store, const LetterFilter& filter, std::int64_t limit,
                     const LetterSink& sink) {
    std::int64_t after = 0;
    std::int64_t last = std::numeric_limits<std::int64_t>::max();
    if (!filter.ids.empty()) {
        const auto [first, end] = std::ranges::minmax(filter.ids);
        after = first - 1;
        last = end;
    }
    for (std::int64_t given = 0; given < limit;) {
        std::vector<StoredLetter> page;
        auto done = store.query({fmt::format("select {}{}d.id > $1 and d.id <= $2 order by d.id "
                                             "limit {}",
                                             kColumns, kFrom, kAtOnce),
                                 {after, last},
                                 {}},
                                [&](const RowView& row) -> Result<> {
                                    auto one = letter_of(row);
                                    if (!one) return one.error();
                                    page.push_back(*std::move(one));
                                    return {};
                                });
        if (!done) return done;
        if (page.empty()) return {};
        after = page.back().id;
        for (const StoredLetter& one : page) {
            if (given == limit || !is_asked(filter, one)) continue;
            ++given;
            if (auto taken = sink(one); !taken) return taken;
        }
    }
    return {};
}

Result<std::optional<StoredLetter>> find_letter(Store& store, std::int64_t id) {
    std::optional<StoredLetter> found;
    auto done =
        store.query({fmt::format("select {}, d.value{}d.id = $1", kColumns, kFrom), {id}, {}},
                    [&](const RowView& row) -> Result<> {
                        auto one = letter_of(row);
                        if (!one) return one.error();
                        found = *std::move(one);
                        found->letter.value = bytes_of(row, kValueColumn);
                        return {};
                    });
    if (!done) return done.error();
    return found;
}

Result<std::vector<StoredLetter>> letters_at(Store& store, const TopicPartition& at,
                                             Offset offset) {
    std::vector<StoredLetter> found;
    auto done = store.query(
        {fmt::format("select {}{}d.topic = $1 and d.partition = $2 and d.message_offset = $3 order "
                     "by d.id",
                     kColumns, kFrom),
         {at.topic, static_cast<std::int64_t>(at.partition.value()), offset.value()},
         {}},
        [&](const RowView& row) -> Result<> {
            auto one = letter_of(row);
            if (!one) return one.error();
            found.push_back(*std::move(one));
            return {};
        });
    if (!done) return done.error();
    return found;
}

std::string hint_of(const StoredLetter& letter) {
    if (letter.state != LetterState::open) return "nothing: it is settled";
    if (is_of_the_store(letter)) {
        return "the message is well and the database refused its value: change the table so that "
               "it "
               "takes it (its column, its constraint), then retry; or drop it";
    }
    const bool is_account = topic_on_tape(letter.letter.at.topic) == kOutcomesTopic;
    return std::string(is_account ? "this is no account of a run"
                                  : "this is no message of prices") +
           ": have its sender send it rightly, then drop this one; "
           "or retry, where this program reads more than the one did that refused it, or the "
           "feed's "
           "configuration was wrong";
}

LetterRetry::LetterRetry(Store& store, Clock& clock, const std::map<std::string, Feed>& feeds,
                         std::string by)
    : store_(store), clock_(clock), feeds_(feeds), by_(std::move(by)) {}

// Its message by today's rules, as the loader makes a batch of what it reads from the tape.
Result<Batch> LetterRetry::batch_of(const StoredLetter& stored, TextArena& arena) {
    const DeadLetter& letter = stored.letter;
    const std::string topic(topic_on_tape(letter.at.topic));
    std::vector<LoadedTopic> topics;
    for (const auto& [name, feed] : feeds_) {
        if (feed.topic == topic && topics.empty()) topics.push_back({topic, feed.table});
    }
    if (topics.empty() && topic == kOutcomesTopic) topics.push_back({topic, std::nullopt});
    if (topics.empty()) {
        return Error{ErrorKind::malformed, fmt::format("no feed has the topic {}", topic)};
    }
    if (auto mine = claim_topics(store_, topics, {}); !mine) return mine.error();
    auto owner = AccountOwner::read(store_);
    if (!owner) return owner.error();
    BatchMaker maker(topics);
    maker.set_owner(*std::move(owner));
    const Chunk chunk{{topic, letter.at.partition},
                      letter.offset,
                      next(letter.offset),
                      {{letter.offset, letter.timestamp, letter.key, letter.value}},
                      {}};
    Batch batch = maker.make(chunk, arena);
    batch.advances[0].retried = RetriedLetter{stored.id, by_};
    TapeLabel::of(letter.at.topic).stamp(batch);
    reopen(batch, topic);
    return batch;
}

// What was given up as the dead letter's has a price now, or an account.
void LetterRetry::reopen(Batch& batch, const std::string& topic) const {
    for (const BatchRows& rows : batch.rows) {
        for (const Record& record : rows.records) {
            if (!record.slot) continue;
            for (const auto& [name, feed] : feeds_) {
                if (feed.topic != topic) continue;
                batch.reopened.push_back({name, *record.slot, std::string(record.instrument)});
            }
        }
    }
    for (const LoadedOutcomes& loaded : batch.outcomes) {
        for (const Outcome& outcome : loaded.run.outcomes) {
            batch.reopened.push_back({loaded.run.feed, loaded.run.slot, outcome.instrument});
        }
    }
}

Result<RetryResult> LetterRetry::stays(const StoredLetter& letter, std::string reason) {
    const std::vector<Statement> note{
        {"insert into dead_letter_tries (letter, at, by_whom, reason) values ($1, $2, $3, $4)",
         {letter.id, clock_.now(), by_, reason},
         {}}};
    if (auto done = store_.transact(note); !done) return done.error();
    return RetryResult{RetryResult::Kind::stays, std::move(reason)};
}

Result<RetryResult> LetterRetry::retry(const StoredLetter& letter) {
    if (letter.state != LetterState::open) return RetryResult{RetryResult::Kind::already, {}};
    TextArena arena;
    auto batch = batch_of(letter, arena);
    if (!batch) return batch.error();
    // Unreadable as a whole, as it was.
    if (batch->dead_letters.size() == 1 && batch->dead_letters[0].value == letter.letter.value) {
        return stays(letter, batch->dead_letters[0].reason);
    }
    auto committed = store_.commit(*batch);
    if (committed) return RetryResult{RetryResult::Kind::loaded, {}, *std::move(committed)};
    const Error& error = committed.error();
    if (error.kind == ErrorKind::rejected) return stays(letter, refusal_in(error.what));
    if (error.kind != ErrorKind::conflict) return error;
    return RetryResult{RetryResult::Kind::already, {}};
}

Result<bool> drop_letter(Store& store, const StoredLetter& letter, const std::string& by,
                         const std::string& why, Timestamp now) {
    const TopicPartition& at = letter.letter.at;
    const std::vector<Statement> statements{
        {"insert into dead_letter_ends (letter, how, at, by_whom, why) values ($1, 'dropped', $2,"
         " $3, $4) on conflict do nothing",
         {letter.id, now, by, why},
         1},
        {"update coverage set state = 'pending', reason = null, what = 'to be derived again' where "
         "(feed, slot, instrument) in (select o.feed, o.slot, o.instrument from outcomes o where "
         "o.topic = $1 and o.partition = $2 and o.message_offset = $3)",
         {at.topic, static_cast<std::int64_t>(at.partition.value()), letter.letter.offset.value()},
         {}}};
    auto done = store.transact(statements);
    if (done) return true;
    if (done.error().kind == ErrorKind::conflict) return false;
    return done.error();
}

}  // namespace tapedeck
