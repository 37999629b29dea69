#include "store/postgres/postgres_commit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/assert.h"
#include "store/batch_rules.h"
#include "store/postgres/postgres_accounts.h"
#include "store/postgres/postgres_kept.h"
#include "store/postgres/postgres_rows.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

// How many batches without a single duplicate end the way by staging.
constexpr int kStagedBatches = 8;

// Constraints of the user's own: check, foreign key, exclusion.
bool is_of_constraint(std::string_view sqlstate) {
    return sqlstate == "23514" || sqlstate == "23503" || sqlstate == "23P01";
}

// What no other try can mend: values that a column does not take (class 22), a key too long for
// its index, constraints of the user's own. A column that must not be null is one where it is
// filled from messages; any other would refuse all of them. A character that the database's
// encoding lacks is no fault of the message's: it waits for a database that takes it.
bool is_bad_data(const PostgresConnection& connection) {
    const std::string& sqlstate = connection.sqlstate();
    if (sqlstate == "23502") return is_filled_column(connection.column());
    if (sqlstate == "22P05") return false;
    return sqlstate.starts_with("22") || sqlstate == "54000" || is_of_constraint(sqlstate);
}

struct Fault {
    std::string sqlstate;
    std::string constraint;
};

// Whether another value might have been taken: not where the constraint looks at none of the
// columns that are filled from messages, or where a partitioned table has no part for the row (then
// there is no constraint's name).
bool may_hang_on_value(PostgresConnection& connection, const PriceTable& table,
                       const Fault& fault) {
    if (!is_of_constraint(fault.sqlstate)) return true;
    if (fault.constraint.empty()) return false;
    const std::vector<Value> values{"\"" + table.name + "\"", fault.constraint};
    const auto found = connection.run(
        "select a.attname::text from pg_constraint c join pg_attribute a on a.attrelid ="
        " c.conrelid and a.attnum = any(c.conkey) where c.conrelid = to_regclass($1) and c.conname"
        " = $2",
        values);
    if (!found || PQntuples(found->get()) == 0) return true;  // a domain's, say
    for (int i = 0; i < PQntuples(found->get()); ++i) {
        const std::string_view column = PostgresRow(found->get(), i).text(0);
        if (column != "recorded_at" && is_filled_column(column)) return true;
    }
    return false;
}

constexpr std::string_view kLettersCopy =
    "copy dead_letters (topic, partition, message_offset, timestamp, key, value, reason,"
    " recorded_at) from stdin (format binary);";

std::string commit_sql(const CommitOrder& order) {
    return order.at(CommitStep::written) == CommitTurn::followed
               ? "set local synchronous_commit = off; commit"
               : "commit";
}

constexpr std::string_view kBegin = "begin;";
// Its guard is to see what the batch before has committed meanwhile; and whoever holds a lock, it
// goes again in its turn rather than to wait.
constexpr std::string_view kBeginEarly =
    "begin isolation level read committed; set local lock_timeout = '100ms';";

}  // namespace

Result<Committed> BatchCommitter::commit(PostgresConnection& connection, const Batch& batch,
                                         EncodedBatch* prepared, Timestamp recorded_at,
                                         const CommitOrder& order) {
    TAPEDECK_ASSERT(
        std::ranges::is_sorted(batch.advances, std::ranges::less(), &Batch::Advance::at));
    prepared_ = prepared;
    recorded_at_ = recorded_at;
    refused_again_ = false;
    auto committed = commit_some_way(connection, batch, order);
    // The statements are always the same ones: what refuses them and is no fault of a record's is
    // mended by a person.
    if (!committed && committed.error().kind == ErrorKind::rejected && !refused_again_) {
        return Error{ErrorKind::unavailable, committed.error().what};
    }
    return committed;
}

Result<Committed> BatchCommitter::commit_some_way(PostgresConnection& connection,
                                                  const Batch& batch, const CommitOrder& order) {
    needs_staging_ = false;
    if (staged_batches_left_ == 0) {
        order.at(CommitStep::begun);
        auto committed = commit_directly(connection, batch, order);
        if (committed) return committed;
        connection.reset();
        const std::string& sqlstate = connection.sqlstate();
        const bool again = sqlstate == "23505" || is_bad_data(connection) || needs_staging_;
        if (!again) return committed;
        // It broke right then: what was wrong with the rows is found out by the next try.
        if (!connection.usable()) return Error{ErrorKind::unavailable, committed.error().what};
        staged_batches_left_ = kStagedBatches;
    }
    if (order.is_early) return out_of_turn();
    auto committed = commit_staged(connection, batch, order);
    if (!committed) {
        connection.reset();
        return committed;
    }
    const bool swarm = committed->absorbed > 0 || committed->duplicates > 0 ||
                       !refused_by_database_.empty() || needs_staging_;
    staged_batches_left_ = swarm ? kStagedBatches : staged_batches_left_ - 1;
    return committed;
}

// Every try begins with nothing counted.
void BatchCommitter::begin(const Batch& batch) {
    encoded_ = prepared_;
    if (encoded_ == nullptr) {
        own_.encode(batch);
        encoded_ = &own_;
    }
    encoded_->stamp(recorded_at_);
    refused_by_database_.clear();
    counts_ = {};
    counts_.recorded_at = recorded_at_;
    rows_of_ = encoded_->rows_of();
}

void BatchCommitter::encode_dead_letters(std::span<const DeadLetter> letters) {
    for (const DeadLetter& letter : letters) {
        constexpr std::uint16_t kColumns = 8;
        letters_.row(kColumns, letter.at.topic.size() + letter.key.size() + letter.value.size() +
                                   letter.reason.size());
        letters_.text(letter.at.topic);
        letters_.int8(letter.at.partition.value());
        letters_.int8(letter.offset.value());
        letters_.time_or_null(letter.timestamp);
        letters_.text_or_null(letter.key);
        letters_.text(letter.value);
        letters_.text(letter.reason);
        letters_.time(recorded_at_);
    }
    counts_.dead_letters += static_cast<std::int64_t>(letters.size());
}

std::string BatchCommitter::guards_sql(const Batch& batch) const {
    std::string sql;
    for (const Batch::Advance& advance : batch.advances) {
        TAPEDECK_ASSERT(advance.from <= advance.to);
        if (advance.retried) {
            sql += fmt::format(
                "insert into dead_letter_ends (letter, how, at, by_whom, why) values ({},"
                " 'retried', {}, {}, '') on conflict do nothing;",
                advance.retried->letter, literal_time(recorded_at_), literal(advance.retried->by));
            continue;
        }
        sql += fmt::format("update offsets set next_offset = {}", advance.to.value());
        if (advance.last_timestamp) {
            sql += ", last_timestamp = " + literal_time(*advance.last_timestamp);
        }
        if (advance.last_digest) sql += ", last_digest = " + literal(hex(*advance.last_digest));
        sql += fmt::format(" where topic = {} and partition = {} and next_offset = {};",
                           literal(advance.at.topic), advance.at.partition.value(),
                           advance.from.value());
    }
    return sql;
}

std::string BatchCommitter::accounts_sql(const Batch& batch) const {
    std::string sql;
    for (const LoadedOutcomes& loaded : batch.outcomes) {
        append_account(sql, loaded.run, recorded_at_);
    }
    for (const TapeGap& gap : batch.gaps) {
        sql += fmt::format(
            "insert into tape_gaps (topic, partition, from_offset, to_offset, recorded_at)"
            " values ({}, {}, {}, {}, {});",
            literal(gap.at.topic), gap.at.partition.value(), gap.from.value(), gap.to.value(),
            literal_time(recorded_at_));
    }
    for (const Batch::Reopened& one : batch.reopened) {
        sql += reopen_sql(literal(one.feed), literal_time(one.slot), literal(one.instrument)) + ";";
    }
    return sql;
}

std::string BatchCommitter::batches_sql(const Batch& batch) const {
    std::vector<std::string> values;
    for (std::size_t i = 0; i < batch.advances.size(); ++i) {
        const Batch::Advance& advance = batch.advances[i];
        if (advance.retried) continue;  // it is no batch of the tape's
        values.push_back(fmt::format("({}, {}, {}, {}, {}, {}, {})", literal(advance.at.topic),
                                     advance.at.partition.value(), advance.from.value(),
                                     advance.to.value(), rows_of_[i], literal_time(recorded_at_),
                                     literal(loader_)));
    }
    if (values.empty()) return {};
    return fmt::format(
        "insert into batches (topic, partition, from_offset, to_offset, rows, committed_at,"
        " loader) values {};",
        fmt::join(values, ", "));
}

// What was refused while it was encoded, and then by the database, becomes dead letters; but of a
// batch that retries one, nothing is written.
Result<> BatchCommitter::take_refused(const Batch& batch, std::span<const DeadLetter> refused) {
    if (refused.empty()) return {};
    const bool is_retry = std::ranges::any_of(
        batch.advances, [](const auto& one) { return one.retried.has_value(); });
    if (is_retry) {
        refused_again_ = true;
        return Error{ErrorKind::rejected, refused.front().reason};
    }
    for (const DeadLetter& letter : refused) {
        note_refusal(counts_, letter.offset, letter.reason.substr(kRefusedByStore.size()));
    }
    encode_dead_letters(refused);
    return {};
}

Result<Committed> BatchCommitter::commit_directly(PostgresConnection& connection,
                                                  const Batch& batch, const CommitOrder& order) {
    begin(batch);
    const bool is_early = order.is_early;
    for (const std::int64_t rows : rows_of_) counts_.rows += rows;
    letters_.begin();
    encode_dead_letters(batch.dead_letters);
    if (auto done = take_refused(batch, encoded_->refused()); !done) return done.error();
    letters_bytes_ = letters_.end();
    std::string sql(is_early ? kBeginEarly : kBegin);
    if (!is_early) sql += guards_sql(batch);
    sql += accounts_sql(batch);
    for (const Part& part : encoded_->parts()) {
        if (part.places.empty()) continue;
        sql += copy_sql(part.table) + look_sql(part.table);
    }
    if (counts_.dead_letters > 0) sql += kLettersCopy;
    if (!is_early) sql += batches_sql(batch);
    if (auto sent = connection.send(sql); !sent) return sent.error();
    if (auto read = read_answers(connection, batch, !is_early); !read) return read.error();
    if (is_early) {
        if (order.at(CommitStep::written) == CommitTurn::missed) return out_of_turn();
        if (auto moved = move_ledger(connection, batch); !moved) return moved.error();
    }
    if (auto done = connection.execute(commit_sql(order)); !done) return done.error();
    return counts_;
}

Result<> BatchCommitter::move_ledger(PostgresConnection& connection, const Batch& batch) {
    if (auto sent = connection.send(guards_sql(batch) + batches_sql(batch)); !sent) return sent;
    if (auto read = read_guards(connection, batch); !read) return read;
    return connection.drain();
}

// Reads the answers to the guards, which come next.
Result<> BatchCommitter::read_guards(PostgresConnection& connection, const Batch& batch) {
    for (const Batch::Advance& advance : batch.advances) {
        auto result = connection.next();
        if (!result) return result.error();
        TAPEDECK_ASSERT(*result);
        if (changed_rows(result->get()) == 1) continue;
        connection.reset();
        if (advance.retried) return letter_has_ended(advance);
        return not_at(connection, advance);
    }
    return {};
}

// Reads the answers to what a transaction began with, and sends the rows where they are waited for.
Result<> BatchCommitter::read_answers(PostgresConnection& connection, const Batch& batch,
                                      bool has_guards) {
    if (auto begun = connection.next(); !begun) return begun.error();
    if (has_guards) {
        if (auto read = read_guards(connection, batch); !read) return read;
    }
    const std::span<const Part> parts = encoded_->parts();
    auto part = parts.begin();
    enum class Next { copy, count, look } next = Next::copy;
    std::int64_t sent_rows = 0;
    for (;;) {
        auto result = connection.next();
        if (!result) return result.error();
        if (!*result) return {};
        if (next == Next::copy) {
            if (PQresultStatus(result->get()) != PGRES_COPY_IN) continue;
            while (part != parts.end() && part->places.empty()) ++part;
            const bool is_letters = part == parts.end();
            sent_rows =
                is_letters ? counts_.dead_letters : static_cast<std::int64_t>(part->places.size());
            auto sent = connection.copy(is_letters ? letters_bytes_ : part->bytes);
            if (sent) sent = connection.end_copy();
            if (!sent) return sent;
            next = Next::count;
        } else if (next == Next::count) {
            const bool is_letters = part == parts.end();
            const std::string_view table =
                is_letters ? "dead_letters" : std::string_view(part->table.name);
            const std::int64_t kept = changed_rows(result->get());
            next = is_letters ? Next::copy : Next::look;
            if (kept != sent_rows) return kept_too_few(connection, table, kept, sent_rows);
        } else {
            const auto triggers = has_triggers(connection, part->table, result->get());
            if (!triggers) return triggers.error();
            needs_staging_ = *triggers;
            if (*triggers) {
                return Error{ErrorKind::unavailable,
                             fmt::format("{}: a trigger works on the rows of {}",
                                         connection.place(), part->table.name)};
            }
            ++part;
            next = Next::copy;
        }
    }
}

Error BatchCommitter::not_at(PostgresConnection& connection, const Batch::Advance& advance) {
    std::string where = "has no row";
    const std::vector<Value> values{advance.at.topic,
                                    static_cast<std::int64_t>(advance.at.partition.value())};
    const auto found = connection.run(
        "select next_offset from offsets where topic = $1 and partition = $2", values);
    if (found && PQntuples(found->get()) > 0) {
        where = fmt::format("stands at {}", PostgresRow(found->get(), 0).integer(0));
    }
    return {ErrorKind::conflict,
            fmt::format("{}: the ledger of {} {}, and the batch starts at {}", connection.place(),
                        to_string(advance.at), where, advance.from.value())};
}

Result<Committed> BatchCommitter::commit_staged(PostgresConnection& connection, const Batch& batch,
                                                const CommitOrder& order) {
    begin(batch);
    const std::string sql = std::string(kBegin) + guards_sql(batch) + accounts_sql(batch);
    if (auto sent = connection.send(sql); !sent) return sent.error();
    if (auto read = read_answers(connection, batch, true); !read) return read.error();
    for (const Part& part : encoded_->parts()) {
        if (auto staged = stage(connection, batch, part); !staged) return staged.error();
    }
    letters_.begin();
    encode_dead_letters(batch.dead_letters);
    for (const auto& refused : {std::span<const DeadLetter>(encoded_->refused()),
                                std::span<const DeadLetter>(refused_by_database_)}) {
        if (auto done = take_refused(batch, refused); !done) return done.error();
    }
    letters_bytes_ = letters_.end();
    for (const std::int64_t rows : rows_of_) counts_.rows += rows;
    if (counts_.dead_letters > 0) {
        auto copied = copy_into(connection, std::string(kLettersCopy), letters_bytes_);
        if (!copied) return copied.error();
        if (*copied != counts_.dead_letters) {
            return kept_too_few(connection, "dead_letters", *copied, counts_.dead_letters);
        }
    }
    auto done = connection.execute(batches_sql(batch) + commit_sql(order));
    if (!done) return done.error();
    return counts_;
}

// A staging table of the table's own columns; `n` is the row's place in part.places.
Result<> BatchCommitter::stage(PostgresConnection& connection, const Batch& batch,
                               const Part& part) {
    if (part.places.empty()) return {};
    // From here on the table stays as it is looked at.
    const std::string lock =
        fmt::format("lock table \"{}\" in row exclusive mode", part.table.name);
    if (auto locked = connection.execute(lock); !locked) return locked;
    const auto look = connection.run(look_sql(part.table), {});
    if (!look) return look.error();
    const auto triggers = has_triggers(connection, part.table, look->get());
    if (!triggers) return triggers.error();
    has_triggers_ = *triggers;
    needs_staging_ = needs_staging_ || *triggers;
    const std::vector<Value> values{"\"" + part.table.name + "\""};
    const auto found = connection.run(
        "select coalesce(format('nextval(%L)', pg_get_serial_sequence($1, 'id')), (select"
        " pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d join pg_attribute a on a.attrelid ="
        " d.adrelid and a.attnum = d.adnum where d.adrelid = to_regclass($1) and a.attname = "
        "'id'))",
        values);
    if (!found) return found.error();
    const PostgresRow row(found->get(), 0);
    if (row.is_null(0)) {
        return Error{ErrorKind::rejected, fmt::format("{}: column id of {} has no sequence",
                                                      connection.place(), part.table.name)};
    }
    auto made = connection.execute(fmt::format(
        "create temporary table tapedeck_stage on commit drop as select 0::bigint as n,"
        " 0::bigint as advance, 0::bigint as message_offset, 0::bigint as id, {} from \"{}\""
        " limit 0; alter table tapedeck_stage alter column id set default {}",
        copied_columns(part.table.form), part.table.name, row.text(0)));
    if (!made) return made;
    if (auto loaded = load_staged(connection, batch, part, 0, part.places.size()); !loaded) {
        return loaded;
    }
    return connection.execute("drop table tapedeck_stage");
}

// Loads the rows [from, to) of the part, or halves of them where the database refuses one.
Result<> BatchCommitter::load_staged(PostgresConnection& connection, const Batch& batch,
                                     const Part& part, std::size_t from, std::size_t to) {
    if (auto begun = connection.execute("savepoint half"); !begun) return begun;
    const Committed counts = counts_;
    const std::vector<std::int64_t> rows_of = rows_of_;
    auto done = settle_staged(connection, batch, part, from, to);
    if (done) return connection.execute("truncate tapedeck_stage; release savepoint half");
    if (!writing_rows_ || !is_bad_data(connection)) return done;
    const std::string why = done.error().what;
    const Fault fault{connection.sqlstate(), connection.constraint()};
    counts_ = counts;
    rows_of_ = rows_of;
    if (auto rest = connection.drain(); !rest) return rest;
    auto back = connection.execute("rollback to savepoint half; release savepoint half");
    if (!back) return back;
    if (to - from > 1) {
        const std::size_t middle = from + (to - from) / 2;
        if (auto first = load_staged(connection, batch, part, from, middle); !first) return first;
        return load_staged(connection, batch, part, middle, to);
    }
    if (!may_hang_on_value(connection, part.table, fault)) {
        return Error{ErrorKind::unavailable, why};
    }
    const RecordPlace& place = part.places[from];
    const BatchRows& rows = batch.rows[place.rows];
    refused_by_database_.push_back(
        refused_record(rows, place.index, batch.advances[rows.advance].at, why));
    --rows_of_[rows.advance];
    return {};
}

// The rows [from, to) of the part through the staging table, which is empty.
Result<> BatchCommitter::settle_staged(PostgresConnection& connection, const Batch& batch,
                                       const Part& part, std::size_t from, std::size_t to) {
    writing_rows_ = true;  // what is refused until they are written is theirs
    staged_.begin();
    for (std::size_t n = from; n < to; ++n) {
        const BatchRows& rows = batch.rows[part.places[n].rows];
        const std::size_t index = part.places[n].index;
        const std::array<std::int64_t, 3> leading{static_cast<std::int64_t>(n),
                                                  static_cast<std::int64_t>(rows.advance),
                                                  rows.offsets[index].value()};
        append_row(staged_, rows, index, recorded_at_, leading);
    }
    const std::string columns = copied_columns(part.table.form);
    auto done = copy_into(connection,
                          fmt::format("copy tapedeck_stage (n, advance, message_offset, {})"
                                      " from stdin (format binary)",
                                      columns),
                          staged_.end());
    if (!done) return done.error();
    const auto inserted = insert_staged(connection, part.table);
    if (!inserted) return inserted.error();
    writing_rows_ = false;
    const auto lost = count_losers(connection, batch, part);
    if (!lost) return lost.error();
    const auto sent = static_cast<std::int64_t>(to - from);
    if (*inserted + *lost != sent) {
        return kept_too_few(connection, part.table.name, *inserted, sent - *lost);
    }
    return has_triggers_ ? check_kept(connection, part.table, *inserted) : Result<>();
}

Result<std::int64_t> BatchCommitter::insert_staged(PostgresConnection& connection,
                                                   const PriceTable& table) {
    const auto inserted = connection.run(
        fmt::format("insert into \"{0}\" (id, {1}) select id, {1} from tapedeck_stage order by n"
                    " on conflict do nothing",
                    table.name, copied_columns(table.form)),
        {});
    if (!inserted) return inserted.error();
    return changed_rows(inserted->get());
}

// Whose key holds a row of another id has lost to it: the same price again is nothing new, another
// one is kept beside it.
Result<std::int64_t> BatchCommitter::count_losers(PostgresConnection& connection,
                                                  const Batch& batch, const Part& part) {
    const std::string losers = fmt::format(
        " from tapedeck_stage s join \"{}\" k on k.slot = s.slot and k.instrument = s.instrument"
        " and k.source = s.source and k.revision = s.revision",
        part.table.name);
    const auto found = connection.run(
        "select s.advance, count(*), count(*) filter (where k.price is distinct from s.price)" +
            losers + " where k.id <> s.id group by s.advance",
        {});
    if (!found) return found.error();
    std::int64_t others = 0;
    std::int64_t all = 0;
    for (int i = 0; i < PQntuples(found->get()); ++i) {
        const PostgresRow row(found->get(), i);
        rows_of_[static_cast<std::size_t>(row.integer(0))] -= row.integer(1);
        counts_.absorbed += row.integer(1) - row.integer(2);
        others += row.integer(2);
        all += row.integer(1);
    }
    counts_.duplicates += others;
    if (others == 0) return all;
    std::vector<std::string> places;
    for (std::size_t i = 0; i < batch.advances.size(); ++i) {
        places.push_back(fmt::format("({}, {}, {})", i, literal(batch.advances[i].at.topic),
                                     batch.advances[i].at.partition.value()));
    }
    auto noted = connection.execute(fmt::format(
        "insert into duplicates (price_table, instrument, slot, source, revision, kept_price,"
        " other_price, other_date, topic, partition, message_offset, recorded_at)"
        " select {}, s.instrument, s.slot, s.source, s.revision, k.price, s.price, s.date, a.topic,"
        " a.partition, s.message_offset, s.recorded_at{} join (values {}) as a (advance, topic,"
        " partition) on a.advance = s.advance where k.id <> s.id and k.price is distinct from"
        " s.price order by s.n",
        literal(part.table.name), losers, fmt::join(places, ", ")));
    if (!noted) return noted.error();
    return all;
}

}  // namespace tapedeck
