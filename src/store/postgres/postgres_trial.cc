#include "store/postgres/postgres_trial.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <functional>

#include "store/postgres/postgres_accounts.h"
#include "store/postgres/postgres_copy.h"
#include "store/postgres/postgres_kept.h"
#include "store/postgres/postgres_rows.h"
#include "store/postgres/postgres_schema.h"

namespace tapedeck {
namespace {

// What is written into a table of tapedeck's own, and what becomes of it afterwards. $1 is a name
// that nobody else has, $2 the time.
struct TriedTable {
    std::string_view name;
    std::string_view insert;
    std::string_view change = {};
    std::string_view removal = {};
};
constexpr std::array<TriedTable, 21> kTriedTables{{
    {"offsets", "(topic, partition, next_offset) values ($1, 0, 0)",
     "update offsets set next_offset = 1 where topic = $1"},
    {"batches",
     "(topic, partition, from_offset, to_offset, rows, committed_at, loader) values ($1, 0, 0, 1, "
     "1, $2, $1)"},
    {"dead_letters",
     "(topic, partition, message_offset, timestamp, value, reason, recorded_at) values ($1, 0, 0, "
     "$2, 'x', $1, $2)"},
    {"tape_gaps",
     "(topic, partition, from_offset, to_offset, recorded_at) values ($1, 0, 0, 1, $2)"},
    {"duplicates",
     "(price_table, instrument, slot, source, revision, kept_price, other_price, other_date, "
     "topic, "
     "partition, message_offset, recorded_at) values ($1, $1, $2, $1, 0, 1, 2, $2, $1, 0, 0, $2)"},
    {"coverage", "(feed, slot, instrument, state, settled_at) values ($1, $2, $1, 'pending', $2)",
     "update coverage set state = 'missed' where feed = $1"},
    {"config_history", "(at, digest, text) values ($2, $1, '')"},
    {"dag_runs",
     "(run_id, dag, slot, kind, state, created_at) values ($1, $1, $2, 'scheduled', 'queued', $2)",
     "update dag_runs set state = 'failed' where run_id = $1"},
    {"dag_states", "(dag, since) values ($1, $2)",
     "update dag_states set paused = 1 where dag = $1"},
    {"task_tries", "(run_id, task, try, state, started_at) values ($1, $1, 1, 'running', $2)",
     "update task_tries set state = 'failed' where run_id = $1"},
    {"variables", "(name, value) values ($1, $1)",
     "update variables set value = '' where name = $1"},
    {"problems", "(key, feed, what, since) values ($1, $1, $1, $2)",
     "update problems set what = '' where key = $1", "delete from problems where key = $1"},
    {"leases", "(name, holder, epoch, taken_at) values ($1, $1, 1, $2)",
     "update leases set epoch = 2 where name = $1"},
    {"tapes", "(identity, suffix, place, used_at) values ($1, $1, $1, $2)",
     "update tapes set place = '' where identity = $1"},
    {"loaded_topics", "(topic, price_table) values ($1, $1)"},
    {"replacements", "(since, noticed_at, what, rescued) values ($2, $2, $1, '')"},
    {"deployments", "(id, until) values ($1, $2)"},
    {"dead_letter_ends",
     "(letter, how, at, by_whom, why) values (-1, 'dropped', $2, $1, $1) on conflict (letter) do "
     "nothing"},
    {"dead_letter_tries", "(letter, at, by_whom, reason) values (-1, $2, $1, $1)"},
    {"stalls", "(topic, partition, from_offset, since, what) values ($1, 0, 0, $2, $1)",
     "update stalls set what = '' where topic = $1", "delete from stalls where topic = $1"},
    {"loading_starts",
     "(topic, partition, start_offset, how, price_table, others, last_other, last_before, "
     "decided_at) values ($1, 0, 0, 'first', $1, 0, 0, 0, $2)",
     {},
     "delete from loading_starts where topic = $1"},
}};

class Trial {
public:
    Trial(PostgresConnection& connection, Timestamp now)
        : connection_(connection),
          now_(now),
          name_(fmt::format("tapedeck check {}:{}", ::getpid(), format_rfc3339(now))),
          instrument_(name_ + " é日本") {}

    Result<std::vector<std::string>> run(std::span<const PriceTable> tables) {
        auto begun = connection_.execute("begin; set local lock_timeout = '1s'");
        if (!begun) return begun.error();
        const auto only_reads = ask("select current_setting('transaction_read_only')");
        if (!only_reads) return only_reads.error();
        if (*only_reads == "on") {
            found_.push_back(
                "the server only reads: it is a standby, or "
                "default_transaction_read_only is on");
            return ended();
        }
        const auto encoding = ask("select current_setting('server_encoding')");
        if (!encoding) return encoding.error();
        if (*encoding != "UTF8") {
            found_.push_back(
                fmt::format("the database's encoding is {}, not UTF8: names with "
                            "letters that it has not cannot be kept",
                            *encoding));
        }
        // Of a database in which nothing is made yet, its tables are taken back as well.
        if (auto made = make_missing(connection_, tables, now_); !made) {
            found_.push_back(made.error().what);
            return ended();
        }
        for (const PriceTable& table : tables) attempt([&] { return try_prices(table); });
        for (const TriedTable& table : kTriedTables) attempt([&] { return try_own(table); });
        attempt([&] { return try_account(); });
        attempt([&] {
            return connection_.execute("create temporary table tapedeck_trial () on commit drop");
        });
        return ended();
    }

private:
    // Goes on after a refusal, as the next one may be of something else.
    void attempt(const std::function<Result<>()>& step) {
        if (lost_) return;
        auto done = connection_.execute("savepoint trial");
        if (done) {
            done = step();
            // What would be refused at the commit alone.
            if (done) done = connection_.execute("set constraints all immediate");
            if (!done) found_.push_back(done.error().what);
            done = connection_.drain();
            done = connection_.execute("rollback to savepoint trial");
        }
        if (!done) lost_ = done.error();
    }

    Result<std::vector<std::string>> ended() {
        if (lost_) return *lost_;
        if (auto back = connection_.execute("rollback"); !back) return back.error();
        return std::move(found_);
    }

    Result<std::string> ask(const std::string& sql) {
        const auto found = connection_.run(sql, {});
        if (!found) return found.error();
        return std::string(PostgresRow(found->get(), 0).text(0));
    }

    Result<> try_own(const TriedTable& table) {
        const std::string insert = fmt::format("insert into {} {}", table.name, table.insert);
        for (const std::string& sql :
             {insert, std::string(table.change), std::string(table.removal)}) {
            if (sql.empty()) continue;
            std::vector<Value> values{name_};
            if (sql.find("$2") != sql.npos) values.emplace_back(now_);
            const auto changed = connection_.run(sql, values);
            if (!changed) return changed.error();
            const std::int64_t rows = changed_rows(changed->get());
            if (rows != 1) return kept_too_few(connection_, table.name, rows, 1);
        }
        return {};
    }

    Result<> try_account() {
        Attempt attempt{"check", "http://127.0.0.1/", now_, {}, 200, 1, {}, {}, instrument_};
        Outcome outcome{instrument_, {}, Reason::timeout, instrument_, {attempt}};
        RunOutcomes run{name_, name_, now_, 1, now_, now_, {}, name_, {outcome}};
        std::string sql;
        append_account(sql, run, now_);
        if (auto done = connection_.execute(sql); !done) return done;
        for (const char* table : {"outcomes", "attempts"}) {
            const auto rows =
                ask(fmt::format("select count(*)::text from {} where run_id = {} and what = {}",
                                table, literal(name_), literal(instrument_)));
            if (!rows) return rows.error();
            if (*rows != "1") return kept_too_few(connection_, table, 0, 1);
        }
        return {};
    }

    Record record(RecordForm form) const {
        Record out;
        out.instrument = out.name = instrument_;
        out.price = Decimal::parse("1234567.890123456789").value();
        if (form == RecordForm::stock) out.previous_close = Decimal::parse("2.25").value();
        out.currency = "USD";
        out.slot = std::chrono::floor<std::chrono::minutes>(now_);
        out.observed_at = *out.slot + std::chrono::microseconds(412'913);
        out.source = name_;
        out.capture = name_;
        return out;
    }

    // As a loader does it.
    Result<> try_prices(const PriceTable& table) {
        BatchRows rows{table, 0, {record(table.form)}, {Offset(0)}, {now_}};
        CopyBuffer buffer;
        buffer.begin();
        append_row(buffer, rows, 0, now_);
        const auto kept = copy_into(connection_, copy_sql(table), buffer.end());
        if (!kept) return kept.error();
        if (*kept != 1) return kept_too_few(connection_, table.name, *kept, 1);
        const auto look = connection_.run(look_sql(table), {});
        if (!look) return look.error();
        if (auto well = has_triggers(connection_, table, look->get()); !well) return well.error();
        return compare(table, rows.records.front());
    }

    // The server writes both as texts: what was sent, by its own types, and what the table holds.
    Result<> compare(const PriceTable& table, const Record& sent) {
        const bool stock = table.form == RecordForm::stock;
        std::vector<Value> values{std::string(sent.instrument), *sent.slot};
        std::vector<std::string> columns;
        const auto expect = [&](std::string_view column, std::string_view type, Value value) {
            values.push_back(std::move(value));
            columns.push_back(fmt::format("('{0}', ${1}::{2}::text, k.{0}::{2}::text)", column,
                                          values.size(), type));
        };
        expect(stock ? "stock" : "coin", "text", std::string(sent.name));
        expect("price", "numeric", sent.price);
        if (stock) expect("previous_close", "numeric", *sent.previous_close);
        expect("date", "timestamptz", *sent.observed_at);
        expect("source", "text", std::string(sent.source));
        expect("revision", "bigint", std::int64_t{sent.revision});
        expect("recorded_at", "timestamptz", now_);
        expect("capture", "text", std::string(sent.capture));
        expect("currency", "text", std::string(sent.currency));
        const auto found = connection_.run(
            fmt::format(
                "select c.name, c.sent, coalesce(c.kept, 'null'), c.sent is distinct from"
                " c.kept from \"{}\" k cross join lateral (values {}) as c (name, sent, kept)"
                " where k.instrument = $1 and k.slot = $2 order by 4 desc",
                table.name, fmt::join(columns, ", ")),
            values);
        if (!found) return found.error();
        if (PQntuples(found->get()) == 0) return kept_too_few(connection_, table.name, 0, 1);
        const PostgresRow row(found->get(), 0);
        if (row.integer(3) == 0) return {};
        return Error{
            ErrorKind::rejected,
            fmt::format("{}: the table {} keeps {} in its column {} where it was given {}: "
                        "is there a trigger that changes rows?",
                        connection_.place(), table.name, in_quotes(row.text(2)), row.text(0),
                        in_quotes(row.text(1)))};
    }

    PostgresConnection& connection_;
    const Timestamp now_;
    const std::string name_;
    const std::string instrument_;
    std::vector<std::string> found_;
    std::optional<Error> lost_;
};

}  // namespace

Result<std::vector<std::string>> try_writing(PostgresConnection& connection,
                                             std::span<const PriceTable> tables, Timestamp now) {
    return Trial(connection, now).run(tables);
}

}  // namespace tapedeck
