#include "store/sqlite/batch_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "store/batch_rules.h"
#include "store/sqlite/schema.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

// Whether another value might be taken; what else is refused is no fault of the message's. A column
// that must not be null refuses all messages where it is none that they fill; `words`: SQLite's,
// which end with its name.
bool hangs_on_value(int code, std::string_view words) {
    if (code == SQLITE_CONSTRAINT_NOTNULL) {
        return is_filled_column(words.substr(words.rfind('.') + 1));
    }
    switch (code & 0xff) {
        case SQLITE_CONSTRAINT:
        case SQLITE_MISMATCH:
        case SQLITE_TOOBIG:
        case SQLITE_RANGE:
            return true;
        default:
            return false;
    }
}

}  // namespace

Result<Committed> BatchWriter::write(const Batch& batch) {
    TAPEDECK_ASSERT(
        std::ranges::is_sorted(batch.advances, std::ranges::less(), &Batch::Advance::at));
    // The guard comes first: who is too late learns it before writing anything.
    for (const Batch::Advance& advance : batch.advances) {
        auto moved = advance.retried ? end_letter(advance) : move_ledger(advance);
        if (!moved) return moved.error();
    }
    std::vector<std::int64_t> rows_of(batch.advances.size());
    for (const BatchRows& rows : batch.rows) {
        TAPEDECK_ASSERT(rows.advance < batch.advances.size());
        const std::int64_t before = counts_.rows;
        if (auto done = insert_rows(rows, batch.advances[rows.advance]); !done) return done.error();
        rows_of[rows.advance] += counts_.rows - before;
    }
    for (const DeadLetter& letter : batch.dead_letters) {
        if (auto done = insert_dead_letter(letter); !done) return done.error();
    }
    for (const LoadedOutcomes& loaded : batch.outcomes) {
        if (auto done = insert_outcomes(loaded.run); !done) return done.error();
    }
    for (const TapeGap& gap : batch.gaps) {
        if (auto done = insert_gap(gap); !done) return done.error();
    }
    for (const Batch::Reopened& one : batch.reopened) {
        if (auto done = reopen(one); !done) return done.error();
    }
    for (std::size_t i = 0; i < batch.advances.size(); ++i) {
        if (batch.advances[i].retried) continue;  // it is no batch of the tape's
        if (auto done = insert_batch(batch.advances[i], rows_of[i]); !done) return done.error();
    }
    return counts_;
}

Result<> BatchWriter::move_ledger(const Batch::Advance& advance) {
    TAPEDECK_ASSERT(advance.from <= advance.to);
    auto query = database_.prepare(
        "update offsets set next_offset = ?4, last_timestamp = coalesce(?5, last_timestamp),"
        " last_digest = coalesce(?6, last_digest)"
        " where topic = ?1 and partition = ?2 and next_offset = ?3");
    if (!query) return query.error();
    const std::string digest = advance.last_digest ? hex(*advance.last_digest) : std::string();
    query->bind(1, advance.at.topic);
    query->bind(2, advance.at.partition.value());
    query->bind(3, advance.from.value());
    query->bind(4, advance.to.value());
    query->bind_or_null(5, advance.last_timestamp);
    query->bind_or_null(6, digest);
    const std::int64_t before = database_.total_changes();
    if (auto done = query->run(); !done) return done;
    if (database_.total_changes() != before + 1) return not_at(advance);
    return {};
}

Result<> BatchWriter::end_letter(const Batch::Advance& advance) {
    auto query = database_.prepare(
        "insert into dead_letter_ends (letter, how, at, by_whom, why) values (?1, 'retried', ?2,"
        " ?3, '') on conflict do nothing");
    if (!query) return query.error();
    query->bind(1, advance.retried->letter);
    query->bind(2, counts_.recorded_at);
    query->bind(3, advance.retried->by);
    const std::int64_t before = database_.total_changes();
    if (auto done = query->run(); !done) return done;
    if (database_.total_changes() != before + 1) return letter_has_ended(advance);
    return {};
}

Result<> BatchWriter::reopen(const Batch::Reopened& one) {
    auto query = database_.prepare(reopen_sql("?1", "?2", "?3"));
    if (!query) return query.error();
    query->bind(1, one.feed);
    query->bind(2, one.slot);
    query->bind(3, one.instrument);
    return query->run();
}

Error BatchWriter::not_at(const Batch::Advance& advance) {
    std::string where = "has no row";
    auto query =
        database_.prepare("select next_offset from offsets where topic = ?1 and partition = ?2");
    if (query) {
        query->bind(1, advance.at.topic);
        query->bind(2, advance.at.partition.value());
        const auto row = query->step();
        if (row && *row) where = fmt::format("stands at {}", query->integer(0));
    }
    return {ErrorKind::conflict,
            fmt::format("{}: the ledger of {} {}, and the batch starts at {}", database_.path(),
                        to_string(advance.at), where, advance.from.value())};
}

void BatchWriter::bind(Query& insert, const BatchRows& rows, std::size_t index) {
    const Record& record = rows.records[index];
    price_.clear();
    record.price.append_to(price_);
    insert.bind(1, record.instrument);
    insert.bind(3, price_);
    if (rows.table.form == RecordForm::stock) {
        insert.bind_or_null(2, record.name);
        if (record.previous_close) {
            previous_close_.clear();
            record.previous_close->append_to(previous_close_);
            insert.bind(4, previous_close_);
        } else {
            insert.bind_null(4);
        }
    }
    insert.bind(5, date_of(rows, index));
    if (record.slot) {
        // Never NULL beside a slot: NULLs differ from one another, and the key would let doubles
        // in.
        insert.bind(6, *record.slot);
        insert.bind(7, record.source);
        insert.bind(8, record.revision);
    } else {
        insert.bind_null(6);
        insert.bind_or_null(7, record.source);
        insert.bind_null(8);
    }
    insert.bind_or_null(9, record.capture);
    insert.bind_or_null(10, record.currency);
}

Result<> BatchWriter::insert_rows(const BatchRows& rows, const Batch::Advance& advance) {
    TAPEDECK_ASSERT(rows.records.size() == rows.offsets.size() &&
                    rows.records.size() == rows.timestamps.size());
    auto insert = database_.prepare(insert_sql(rows.table));
    // A column that was renamed, a trigger that names what is gone: no message is to blame.
    if (!insert && insert.error().kind == ErrorKind::rejected) {
        return Error{ErrorKind::unavailable, insert.error().what};
    }
    if (!insert) return insert.error();
    insert->bind(11, counts_.recorded_at);
    for (std::size_t i = 0; i < rows.records.size(); ++i) {
        TAPEDECK_ASSERT(advance.from <= rows.offsets[i] && rows.offsets[i] < advance.to);
        if (holds_zero_byte(rows.records[i])) {
            if (auto done = refuse(rows, i, advance, kZeroByte); !done) {
                return done;
            }
            continue;
        }
        bind(*insert, rows, i);
        const int code = insert->run_code();
        if (code == SQLITE_DONE) [[likely]] {
            if (sqlite3_changes(database_.handle()) != 0) [[likely]] {
                ++counts_.rows;
            } else if (auto done = settle_same_key(rows, i, advance.at); !done) {
                return done;
            }
            continue;
        }
        const Error error = database_.failure(code, "");
        if (code == SQLITE_CONSTRAINT_TRIGGER) return takes_none(rows.table, error.what);
        if (error.kind != ErrorKind::rejected) return error;
        if (!hangs_on_value(code, sqlite3_errmsg(database_.handle())))
            return takes_none(rows.table, error.what);
        if (auto done = refuse(rows, i, advance, error.what); !done) return done;
    }
    return {};
}

// The message is well, and waits until a person has looked: at a trigger of somebody's, mostly,
// whose words need not name it.
Error BatchWriter::takes_none(const PriceTable& table, const std::string& why) {
    std::string triggers;
    auto query = database_.prepare(
        "select coalesce(group_concat(name, ', '), '') from sqlite_schema where type = 'trigger' "
        "and tbl_name = ?1");
    if (query) {
        query->bind(1, table.name);
        const auto row = query->step();
        if (row && *row) triggers = query->text(0);
    }
    return {ErrorKind::unavailable,
            fmt::format("the table {} takes no row: {}{}", table.name, why,
                        triggers.empty() ? "" : "; its triggers: " + triggers)};
}

Error BatchWriter::ignored(const PriceTable& table, const Record& record) {
    return takes_none(table, fmt::format("it took none for {} and said nothing: is there a trigger "
                                         "that ignores rows?",
                                         record.instrument));
}

// The key is there already: the same price again is nothing new, another one is kept beside it.
Result<> BatchWriter::settle_same_key(const BatchRows& rows, std::size_t index,
                                      const TopicPartition& at) {
    const Record& record = rows.records[index];
    if (!record.slot) return ignored(rows.table, record);
    auto find = database_.prepare(
        fmt::format("select price from \"{}\" where slot = ?1 and instrument = ?2 and source = ?3"
                    " and revision = ?4",
                    rows.table.name));
    if (!find) return find.error();
    find->bind(1, *record.slot);
    find->bind(2, record.instrument);
    find->bind(3, record.source);
    find->bind(4, record.revision);
    const auto found = find->step();
    if (!found) return found.error();
    if (!*found) return ignored(rows.table, record);
    const auto kept = Decimal::parse(find->bytes(0));
    if (kept && *kept == record.price) {
        ++counts_.absorbed;
        return {};
    }
    auto insert = database_.prepare(
        "insert into duplicates (price_table, instrument, slot, source, revision, kept_price,"
        " other_price, other_date, topic, partition, message_offset, recorded_at)"
        " values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
    if (!insert) return insert.error();
    insert->bind(1, rows.table.name);
    insert->bind(2, record.instrument);
    insert->bind(3, *record.slot);
    insert->bind(4, record.source);
    insert->bind(5, record.revision);
    insert->bind(6, find->bytes(0));
    insert->bind(7, price_);
    insert->bind(8, date_of(rows, index));
    insert->bind(9, at.topic);
    insert->bind(10, at.partition.value());
    insert->bind(11, rows.offsets[index].value());
    insert->bind(12, counts_.recorded_at);
    ++counts_.duplicates;
    return insert->run();
}

Result<> BatchWriter::refuse(const BatchRows& rows, std::size_t index,
                             const Batch::Advance& advance, const std::string& reason) {
    if (advance.retried) return refused_again(reason);
    note_refusal(counts_, rows.offsets[index], reason);
    return insert_dead_letter(refused_record(rows, index, advance.at, reason));
}

Result<> BatchWriter::insert_dead_letter(const DeadLetter& letter) {
    auto query = database_.prepare(
        "insert into dead_letters (topic, partition, message_offset, timestamp, key, value, reason,"
        " recorded_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    if (!query) return query.error();
    query->bind(1, letter.at.topic);
    query->bind(2, letter.at.partition.value());
    query->bind(3, letter.offset.value());
    query->bind_or_null(4, letter.timestamp);
    letter.key.empty() ? query->bind_null(5) : query->bind_blob(5, letter.key);
    query->bind_blob(6, letter.value);
    query->bind(7, letter.reason);
    query->bind(8, counts_.recorded_at);
    ++counts_.dead_letters;
    return query->run();
}

Result<> BatchWriter::insert_outcomes(const RunOutcomes& run) {
    for (const Outcome& outcome : run.outcomes) {
        if (auto done = insert_outcome(run, outcome); !done) return done;
        if (auto done = insert_attempts(run, outcome); !done) return done;
    }
    return {};
}

// The account of a run may be sent twice; it is the same account.
Result<> BatchWriter::insert_outcome(const RunOutcomes& run, const Outcome& outcome) {
    auto query = database_.prepare(
        "insert into outcomes (run_id, feed, slot, try, instrument, state, reason, what, source,"
        " rule, topic, partition, message_offset, capture, config, collector, started, ended,"
        " recorded_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
        " ?16, ?17, ?18, ?19) on conflict do nothing");
    if (!query) return query.error();
    query->bind(1, run.run_id);
    query->bind(2, run.feed);
    query->bind(3, run.slot);
    query->bind(4, run.try_number);
    query->bind(5, outcome.instrument);
    query->bind(6, outcome.sent ? "sent" : "failed");
    query->bind_or_null(7, outcome.reason ? row_of(*outcome.reason).name : std::string_view());
    query->bind(8, outcome.what);
    if (outcome.sent) {
        query->bind(9, outcome.sent->source);
        query->bind(10, outcome.sent->rule);
        query->bind(11, outcome.sent->topic);
        query->bind(12, outcome.sent->partition.value());
        query->bind(13, outcome.sent->offset.value());
    } else {
        query->bind(9, outcome.attempts.empty() ? std::string_view()
                                                : std::string_view(outcome.attempts.back().source));
        query->bind(10, "");
        for (int i = 11; i <= 13; ++i) query->bind_null(i);
    }
    query->bind_or_null(14, capture_of(outcome));
    query->bind(15, run.config);
    query->bind(16, run.collector);
    query->bind(17, run.started);
    query->bind(18, run.ended);
    query->bind(19, counts_.recorded_at);
    return query->run();
}

Result<> BatchWriter::insert_attempts(const RunOutcomes& run, const Outcome& outcome) {
    auto query = database_.prepare(
        "insert into attempts (run_id, try, instrument, ordinal, feed, slot, source, url, started,"
        " took_ms, status, bytes, capture, reason, what) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
        " ?9, ?10, ?11, ?12, ?13, ?14, ?15) on conflict do nothing");
    if (!query) return query.error();
    for (std::size_t i = 0; i < outcome.attempts.size(); ++i) {
        const Attempt& attempt = outcome.attempts[i];
        query->bind(1, run.run_id);
        query->bind(2, run.try_number);
        query->bind(3, outcome.instrument);
        query->bind(4, static_cast<std::int64_t>(i));
        query->bind(5, run.feed);
        query->bind(6, run.slot);
        query->bind(7, attempt.source);
        query->bind(8, attempt.url);
        query->bind(9, attempt.started);
        query->bind(10, attempt.took.count());
        query->bind(11, attempt.status);
        query->bind(12, attempt.bytes);
        query->bind_or_null(13, attempt.capture);
        query->bind_or_null(14, attempt.reason ? row_of(*attempt.reason).name : std::string_view());
        query->bind(15, attempt.what);
        if (auto done = query->run(); !done) return done;
    }
    return {};
}

Result<> BatchWriter::insert_gap(const TapeGap& gap) {
    auto query = database_.prepare(
        "insert into tape_gaps (topic, partition, from_offset, to_offset, recorded_at)"
        " values (?1, ?2, ?3, ?4, ?5)");
    if (!query) return query.error();
    query->bind(1, gap.at.topic);
    query->bind(2, gap.at.partition.value());
    query->bind(3, gap.from.value());
    query->bind(4, gap.to.value());
    query->bind(5, counts_.recorded_at);
    return query->run();
}

Result<> BatchWriter::insert_batch(const Batch::Advance& advance, std::int64_t rows) {
    auto query = database_.prepare(
        "insert into batches (topic, partition, from_offset, to_offset, rows, committed_at, loader)"
        " values (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    if (!query) return query.error();
    query->bind(1, advance.at.topic);
    query->bind(2, advance.at.partition.value());
    query->bind(3, advance.from.value());
    query->bind(4, advance.to.value());
    query->bind(5, rows);
    query->bind(6, counts_.recorded_at);
    query->bind(7, loader_);
    return query->run();
}

}  // namespace tapedeck
