#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "coverage/audit_captures.h"
#include "coverage/audit_compare.h"
#include "store/batch_rules.h"

// Accounts of runs: the messages of the topic of outcomes, and the tables `outcomes` and
// `attempts`.
namespace tapedeck {
namespace {

constexpr std::int64_t kRowsAtOnce = 50'000;
constexpr std::int64_t kRowsKept = 16'384;

constexpr std::string_view kOutcome =
    "o.id, o.slot, o.instrument, o.run_id, o.try, o.feed, o.state, o.reason, o.what, o.source, "
    "o.rule, o.topic, o.partition, o.message_offset, o.capture, o.config, o.collector, o.started, "
    "o.ended, o.recorded_at";
constexpr std::string_view kAttempt =
    "a.slot, a.instrument, a.run_id, a.try, a.ordinal, a.feed, a.source, a.url, a.started, "
    "a.took_ms, a.status, a.bytes, a.capture, a.reason, a.what";

const std::vector<AuditTable>& account_tables() {
    static const std::vector<AuditTable> tables{{"outcomes",
                                                 {{"slot", true},
                                                  {"instrument"},
                                                  {"run_id"},
                                                  {"try"},
                                                  {"feed"},
                                                  {"state"},
                                                  {"reason"},
                                                  {"what"},
                                                  {"source"},
                                                  {"rule"},
                                                  {"topic"},
                                                  {"partition"},
                                                  {"message_offset"},
                                                  {"capture"},
                                                  {"config"},
                                                  {"collector"},
                                                  {"started", true},
                                                  {"ended", true}},
                                                 {5, 6, 2, 3},
                                                 AuditKind::outcome_altered,
                                                 AuditKind::outcome_missing,
                                                 AuditKind::outcome_without_message},
                                                {"attempts",
                                                 {{"slot", true},
                                                  {"instrument"},
                                                  {"run_id"},
                                                  {"try"},
                                                  {"ordinal"},
                                                  {"feed"},
                                                  {"source"},
                                                  {"url"},
                                                  {"started", true},
                                                  {"took_ms"},
                                                  {"status"},
                                                  {"bytes"},
                                                  {"capture"},
                                                  {"reason"},
                                                  {"what"}},
                                                 {6, 2, 3, 4},
                                                 AuditKind::attempt_altered,
                                                 AuditKind::attempt_missing,
                                                 AuditKind::attempt_without_message}};
    return tables;
}

class AccountSubject : public AuditSubject {
public:
    AccountSubject(AuditWork& work, CaptureNames& names) : work_(work), names_(names) {}

    std::span<const AuditTable> tables() const override { return account_tables(); }
    bool is_counted_by_batches() const override { return false; }
    std::int64_t most_rows() const override { return kRowsKept; }
    std::optional<AuditEntry> surplus(const AuditEntry&, const AuditEntry&) override {
        return std::nullopt;  // the same account, sent again
    }

    Result<> each_row(bool is_first, const AuditSink& sink) override {
        std::int64_t after = std::numeric_limits<std::int64_t>::min();
        for (std::int64_t read = kRowsAtOnce; read == kRowsAtOnce;) {
            read = 0;
            auto done = work_.store().query(
                {fmt::format("select {} from outcomes o where o.id > $1 order by o.id limit {}",
                             kOutcome, kRowsAtOnce),
                 {after},
                 {}},
                [&](const RowView& row) {
                    ++read;
                    after = row.integer(0);
                    return take_outcome(row, is_first, sink);
                });
            if (!done) return done;
            work_.has_done(read);
        }
        return each_attempt(is_first, sink);
    }

    Result<> rows_in(std::span<const AuditSpan> spans,
                     std::optional<std::array<std::int64_t, 2>> expected, bool is_first,
                     const AuditSink& sink) override {
        if (feeds_.empty()) {
            if (auto done = read_feeds(); !done) return done;
        }
        std::set<std::string> runs;
        for (const AuditSpan& span : spans) {
            for (const std::string& feed : feeds_) {
                auto done = work_.store().query(
                    {fmt::format("select {} from outcomes o where o.feed = $1 and o.slot >= $2 and "
                                 "o.slot <= $3",
                                 kOutcome),
                     {feed, span.first, span.last},
                     {}},
                    [&](const RowView& row) {
                        runs.emplace(row.text(3));
                        return take_outcome(row, is_first, sink);
                    });
                if (!done) return done;
            }
        }
        return attempts_in(spans, expected, runs, is_first, sink);
    }

    Result<> read(const Chunk& chunk, AuditedLetters& letters, std::vector<Unreadable>& unreadable,
                  const AuditSink& sink) override {
        for (const TapeMessage& message : chunk.messages) {
            if (whole_letter(message, letters).is_dropped) {
                unreadable.push_back({&message, message.value, "dropped"});
                continue;
            }
            const auto run = decode_outcomes(message.value);
            if (!run) {
                unreadable.push_back({&message, message.value, run.error().what});
                continue;
            }
            if (!work_.is_asked(run->feed) || !work_.owner.is_own(*run)) continue;
            const Position position{chunk.at, message.offset};
            for (const Outcome& outcome : run->outcomes) {
                if (auto done = sink(outcome_of(*run, outcome, position)); !done) return done;
                for (std::size_t i = 0; i < outcome.attempts.size(); ++i) {
                    auto done = sink(attempt_of(*run, outcome, i, position));
                    if (!done) return done;
                }
            }
        }
        return {};
    }

private:
    static AuditEntry begun(const RunOutcomes& run, const Outcome& outcome,
                            const Position& position) {
        AuditEntry entry;
        entry.at = run.slot;
        entry.feed = run.feed;
        entry.instrument = outcome.instrument;
        entry.message = position;
        return entry;
    }

    static AuditEntry outcome_of(const RunOutcomes& run, const Outcome& outcome,
                                 const Position& position) {
        AuditEntry entry = begun(run, outcome, position);
        entry.key_columns = 4;
        AuditContent content;
        content.add(run.slot).add(outcome.instrument).add(run.run_id);
        content.add(std::int64_t{run.try_number}).add(run.feed);
        content.add(outcome.sent ? "sent" : "failed");
        content.add(outcome.reason ? row_of(*outcome.reason).name : "").add(outcome.what);
        if (outcome.sent) {
            content.add(outcome.sent->source).add(outcome.sent->rule);
            content.add(TapeLabel::of(position.at.topic).topic(outcome.sent->topic));
            content.add(std::int64_t{outcome.sent->partition.value()});
            content.add(outcome.sent->offset.value());
        } else {
            content.add(outcome.attempts.empty() ? "" : outcome.attempts.back().source);
            for (int i = 0; i < 4; ++i) content.add("");
        }
        content.add(capture_of(outcome)).add(run.config).add(run.collector);
        content.add(run.started).add(run.ended);
        entry.content = content.take();
        return entry;
    }

    static AuditEntry attempt_of(const RunOutcomes& run, const Outcome& outcome, std::size_t index,
                                 const Position& position) {
        const Attempt& attempt = outcome.attempts[index];
        AuditEntry entry = begun(run, outcome, position);
        entry.table = 1;
        entry.key_columns = 5;
        AuditContent content;
        content.add(run.slot).add(outcome.instrument).add(run.run_id);
        content.add(std::int64_t{run.try_number}).add(static_cast<std::int64_t>(index));
        content.add(run.feed).add(attempt.source).add(attempt.url).add(attempt.started);
        content.add(attempt.took.count()).add(std::int64_t{attempt.status}).add(attempt.bytes);
        content.add(attempt.capture);
        content.add(attempt.reason ? row_of(*attempt.reason).name : "").add(attempt.what);
        entry.content = content.take();
        return entry;
    }

    Result<> take_outcome(const RowView& row, bool is_first, const AuditSink& sink) {
        if (!work_.is_asked(row.text(5))) return {};
        AuditEntry entry;
        entry.at = row.timestamp(1);
        entry.key_columns = 4;
        entry.instrument = row.text(2);
        entry.feed = row.text(5);
        AuditContent content;
        content.add(entry.at).add(row, 2).add(row, 3).add(row.integer(4));
        for (int column = 5; column <= 11; ++column) content.add(row, column);
        for (int column = 12; column <= 13; ++column) {
            row.is_null(column) ? content.add("") : content.add(row.integer(column));
        }
        for (int column = 14; column <= 16; ++column) content.add(row, column);
        content.add(row.timestamp(17)).add(row.timestamp(18));
        entry.content = content.take();
        entry.row = std::to_string(row.integer(0));
        entry.recorded_at = row.timestamp(19);
        if (is_first && work_.holds(entry.at)) {
            ++work_.report.outcomes;
            if (auto noted = note(row, 14, entry); !noted) return noted;
        }
        return sink(std::move(entry));
    }

    Result<> take_attempt(const RowView& row, bool is_first, const AuditSink& sink) {
        if (!work_.is_asked(row.text(5))) return {};
        AuditEntry entry;
        entry.table = 1;
        entry.at = row.timestamp(0);
        entry.key_columns = 5;
        entry.instrument = row.text(1);
        entry.feed = row.text(5);
        AuditContent content;
        content.add(entry.at).add(row, 1).add(row, 2).add(row.integer(3)).add(row.integer(4));
        content.add(row, 5).add(row, 6).add(row, 7).add(row.timestamp(8));
        for (int column = 9; column <= 11; ++column) content.add(row.integer(column));
        for (int column = 12; column <= 14; ++column) content.add(row, column);
        entry.content = content.take();
        entry.row = fmt::format("{} try {} {} {}", row.text(2), row.integer(3), row.text(1),
                                row.integer(4));
        if (!row.is_null(15)) entry.recorded_at = row.timestamp(15);
        if (is_first && work_.holds(entry.at)) {
            ++work_.report.attempts;
            if (auto noted = note(row, 12, entry); !noted) return noted;
        }
        return sink(std::move(entry));
    }

    Result<> note(const RowView& row, int column, const AuditEntry& entry) {
        if (row.is_null(column)) return {};
        return names_.note(row.text(column), {entry.feed, entry.at, true, entry.instrument,
                                              account_tables()[entry.table].name, entry.row});
    }

    // An attempt has no time of recording of its own: its outcome's counts.
    static std::string attempts_sql(std::string_view rest) {
        return fmt::format(
            "select {}, o.recorded_at from attempts a left join outcomes o on o.run_id = a.run_id "
            "and o.try = a.try and o.instrument = a.instrument {}",
            kAttempt, rest);
    }

    Result<> each_attempt(bool is_first, const AuditSink& sink) {
        std::string run;
        std::int64_t number = std::numeric_limits<std::int64_t>::min();
        std::string instrument;
        std::int64_t ordinal = 0;
        for (std::int64_t read = kRowsAtOnce; read == kRowsAtOnce;) {
            read = 0;
            auto done = work_.store().query(
                {attempts_sql(fmt::format(
                     "where (a.run_id, a.try, a.instrument, a.ordinal) > ($1, $2, $3, $4) order by "
                     "a.run_id, a.try, a.instrument, a.ordinal limit {}",
                     kRowsAtOnce)),
                 {run, number, instrument, ordinal},
                 {}},
                [&](const RowView& row) {
                    if (++read == kRowsAtOnce) {
                        run = row.text(2);
                        number = row.integer(3);
                        instrument = row.text(1);
                        ordinal = row.integer(4);
                    }
                    return take_attempt(row, is_first, sink);
                });
            if (!done) return done;
        }
        return {};
    }

    // Attempts are found by their runs; where that does not find as many as there are, all are
    // looked through.
    Result<> attempts_in(std::span<const AuditSpan> spans,
                         std::optional<std::array<std::int64_t, 2>> expected,
                         const std::set<std::string>& runs, bool is_first, const AuditSink& sink) {
        if (!expected) return each_attempt(is_first, sink);
        std::vector<AuditEntry> found;
        for (const std::string& run : runs) {
            auto done = work_.store().query(
                {attempts_sql("where a.run_id = $1"), {run}, {}}, [&](const RowView& row) {
                    return take_attempt(row, is_first, [&](AuditEntry&& entry) -> Result<> {
                        if (in_spans(spans, entry.at)) found.push_back(std::move(entry));
                        return {};
                    });
                });
            if (!done) return done;
        }
        if (static_cast<std::int64_t>(found.size()) < (*expected)[1]) {
            return each_attempt(is_first, sink);
        }
        for (AuditEntry& entry : found) {
            if (auto done = sink(std::move(entry)); !done) return done;
        }
        return {};
    }

    // Those that the table knows, by the index that begins with them.
    Result<> read_feeds() {
        for (std::string feed;;) {
            bool more = false;
            auto done =
                work_.store().query({"select min(feed) from outcomes where feed > $1", {feed}, {}},
                                    [&](const RowView& row) -> Result<> {
                                        more = !row.is_null(0);
                                        if (more) feed = row.text(0);
                                        return {};
                                    });
            if (!done) return done;
            if (!more) return {};
            if (work_.is_asked(feed)) feeds_.push_back(feed);
        }
    }

    AuditWork& work_;
    CaptureNames& names_;
    std::vector<std::string> feeds_;
};

}  // namespace

Result<> audit_accounts(AuditWork& work, std::map<TopicPartition, AuditedPartition>& partitions,
                        CaptureNames& names) {
    std::vector<AuditedPartition*> read;
    for (auto& [at, partition] : partitions) {
        if (topic_on_tape(at.topic) == kOutcomesTopic) read.push_back(&partition);
    }
    AccountSubject subject(work, names);
    return AuditCompare(work, subject, std::move(read)).run();
}

}  // namespace tapedeck
