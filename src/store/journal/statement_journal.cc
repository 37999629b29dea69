#include "store/journal/statement_journal.h"

#include <array>

#include "base/mutex.h"

namespace tapedeck {
namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"(
create table journal (
  id integer primary key,
  entry integer not null,
  sql text not null,
  expected_changes integer,
  written_at integer not null
) strict;
create table journal_values (
  statement integer not null,
  ordinal integer not null,
  kind text not null check (kind in ('null', 'integer', 'text', 'time', 'decimal', 'bytes')),
  value any,
  primary key (statement, ordinal)
) strict, without rowid;
)"};
constexpr SchemaPart kPart{"journal", kSteps};

Result<> keep_value(Database& database, std::int64_t statement, std::int64_t ordinal,
                    const Value& value) {
    auto query = database.prepare(
        "insert into journal_values (statement, ordinal, kind, value) values (?1, ?2, ?3, ?4)");
    if (!query) return query.error();
    query->bind(1, statement);
    query->bind(2, ordinal);
    std::string text;  // lives until the statement has run
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        query->bind(3, "integer");
        query->bind(4, *integer);
    } else if (const auto* words = std::get_if<std::string>(&value)) {
        query->bind(3, "text");
        query->bind(4, *words);
    } else if (const auto* time = std::get_if<Timestamp>(&value)) {
        query->bind(3, "time");
        query->bind(4, *time);
    } else if (const auto* decimal = std::get_if<Decimal>(&value)) {
        text = decimal->to_string();
        query->bind(3, "decimal");
        query->bind(4, text);
    } else if (const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&value)) {
        text.assign(bytes->begin(), bytes->end());
        query->bind(3, "bytes");
        query->bind_blob(4, text);
    } else {
        query->bind(3, "null");
        query->bind_null(4);
    }
    return query->run();
}

Result<> read_value(const Query& query, Value& value) {
    const std::string kind = query.text(0);
    if (kind == "integer") {
        value.emplace<std::int64_t>(query.integer(1));
    } else if (kind == "text") {
        value.emplace<std::string>(query.text(1));
    } else if (kind == "time") {
        value.emplace<Timestamp>(query.timestamp(1));
    } else if (kind == "decimal") {
        const auto decimal = Decimal::parse(query.bytes(1));
        if (!decimal) return decimal.error();
        value.emplace<Decimal>(*decimal);
    } else if (kind == "bytes") {
        const auto bytes = query.bytes(1);
        value.emplace<std::vector<std::uint8_t>>(bytes.begin(), bytes.end());
    }
    return {};
}

// The statements of the oldest entry; none where the journal is empty.
Result<std::vector<Statement>> oldest_of(Database& database, std::int64_t& entry) {
    std::vector<Statement> statements;
    std::vector<std::int64_t> ids;
    auto query = database.prepare(
        "select id, entry, sql, expected_changes from journal where entry = (select min(entry)"
        " from journal) order by id");
    if (!query) return query.error();
    for (;;) {
        const auto row = query->step();
        if (!row) return row.error();
        if (!*row) break;
        ids.push_back(query->integer(0));
        entry = query->integer(1);
        Statement statement{query->text(2), {}, {}};
        if (!query->is_null(3)) statement.expected_changes = query->integer(3);
        statements.push_back(std::move(statement));
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
        auto values = database.prepare(
            "select kind, value from journal_values where statement = ?1 order by ordinal");
        if (!values) return values.error();
        values->bind(1, ids[i]);
        for (;;) {
            const auto row = values->step();
            if (!row) return row.error();
            if (!*row) break;
            auto& value = statements[i].values.emplace_back();
            if (auto read = read_value(*values, value); !read) return read.error();
        }
    }
    return statements;
}

Result<> run_all(Store& store, std::span<const Statement> statements) {
    auto done = store.transact(statements);
    if (done) return {};
    if (done.error().kind != ErrorKind::conflict) return done.error();
    // Or has somebody else taken the lease? Then nothing at all may be written.
    const Statement nothing{"update dag_states set dag = dag where 1 = 0", {}, {}};
    if (auto held = store.transact({&nothing, 1}); !held) return held.error();
    for (const Statement& statement : statements) {
        auto one = store.transact({&statement, 1});
        if (!one && one.error().kind != ErrorKind::conflict) return one.error();
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<StatementJournal>> StatementJournal::open(const std::string& path,
                                                                 const Clock& clock) {
    auto database = open_file(path, kPart, clock, {});
    if (!database) return in_context("opening the journal", database.error());
    return std::unique_ptr<StatementJournal>(new StatementJournal(*std::move(database), clock));
}

Result<std::unique_ptr<StatementJournal>> StatementJournal::open_looking(
    const std::string& path, const Clock& clock, const LookOptions& options) {
    const auto reading = look_at(path, kPart, options);
    if (!reading) return in_context("opening the journal", reading.error());
    auto database = reading->open();
    if (!database) return in_context("opening the journal", database.error());
    return std::unique_ptr<StatementJournal>(new StatementJournal(*std::move(database), clock));
}

Result<> StatementJournal::append(std::span<const Statement> statements) {
    const Lock lock(mutex_);
    auto transaction = Transaction::begin(*database_);
    if (!transaction) return transaction.error();
    const auto last = database_->integer("select coalesce(max(entry), 0) from journal");
    if (!last) return last.error();
    const std::int64_t entry = last->value_or(0) + 1;
    for (const Statement& statement : statements) {
        auto query = database_->prepare(
            "insert into journal (entry, sql, expected_changes, written_at)"
            " values (?1, ?2, ?3, ?4)");
        if (!query) return query.error();
        query->bind(1, entry);
        query->bind(2, statement.sql);
        if (statement.expected_changes) {
            query->bind(3, *statement.expected_changes);
        } else {
            query->bind_null(3);
        }
        query->bind(4, clock_.now());
        if (auto done = query->run(); !done) return done;
        const std::int64_t id = sqlite3_last_insert_rowid(database_->handle());
        for (std::size_t i = 0; i < statement.values.size(); ++i) {
            auto kept =
                keep_value(*database_, id, static_cast<std::int64_t>(i), statement.values[i]);
            if (!kept) return kept;
        }
    }
    return transaction->commit();
}

Result<bool> StatementJournal::empty() {
    const Lock lock(mutex_);
    const auto some = database_->integer("select 1 from journal limit 1");
    if (!some) return some.error();
    return !some->has_value();
}

Result<std::optional<Timestamp>> StatementJournal::oldest_since() {
    const Lock lock(mutex_);
    std::optional<Timestamp> since;
    auto query = database_->prepare("select written_at from journal order by id limit 1");
    if (!query) return query.error();
    const auto row = query->step();
    if (!row) return row.error();
    if (*row) since = query->timestamp(0);
    return since;
}

Result<std::vector<Statement>> StatementJournal::oldest(std::int64_t& entry) {
    const Lock lock(mutex_);
    return oldest_of(*database_, entry);
}

Result<> StatementJournal::forget(std::int64_t entry) {
    const Lock lock(mutex_);
    auto transaction = Transaction::begin(*database_);
    if (!transaction) return transaction.error();
    for (const char* sql :
         {"delete from journal_values where statement in (select id from journal where entry = ?1)",
          "delete from journal where entry = ?1"}) {
        auto query = database_->prepare(sql);
        if (!query) return query.error();
        query->bind(1, entry);
        if (auto done = query->run(); !done) return done;
    }
    return transaction->commit();
}

Result<> StatementJournal::replay(Store& store) {
    for (;;) {
        std::int64_t entry = 0;
        const auto statements = oldest(entry);
        if (!statements) return in_context("the journal", statements.error());
        if (statements->empty()) return {};
        if (auto done = run_all(store, *statements); !done) return done;
        if (auto done = forget(entry); !done) return in_context("the journal", done.error());
    }
}

}  // namespace tapedeck
