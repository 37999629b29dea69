#include "store/postgres/postgres_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "base/looked_at.h"
#include "base/mutex.h"
#include "store/loader_name.h"

#include "store/postgres/postgres_backup.h"
#include "store/postgres/postgres_commit.h"
#include "store/postgres/postgres_connection.h"
#include "store/postgres/postgres_lease.h"
#include "store/postgres/postgres_lens.h"
#include "store/postgres/postgres_rows.h"
#include "store/postgres/postgres_schema.h"
#include "store/postgres/postgres_tables.h"
#include "store/postgres/postgres_trial.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::size_t kIdleReaders = 2;
constexpr int kOldestServer = 130'000;
// The server's own limit comes after the moment at which our own blockers are ended.
constexpr milliseconds kAfterBlockers = 1s;
constexpr milliseconds kSchemaLock = 60s;
constexpr milliseconds kLeaseAnswer = 5s;
constexpr milliseconds kHelperAnswer = 2s;
constexpr milliseconds kTrialAnswer = 10s;
// A reader that waits for a lock says so, and by whom it is held; one that works may take longer.
constexpr milliseconds kReadersLock = 10s;
constexpr std::string_view kNoSuchFunction = "42883";

class PostgresLease : public Lease {
public:
    explicit PostgresLease(std::shared_ptr<HeldLease> held) : held_(std::move(held)) {}

private:
    std::shared_ptr<HeldLease> held_;  // shared: the store asks it before it writes
};

Result<LedgerEntry> entry_of(const PostgresConnection& connection, const TopicPartition& at,
                             const PostgresRow& row) {
    LedgerEntry entry{at, Offset(row.integer(2)), std::nullopt, std::nullopt};
    if (!row.is_null(3)) entry.last_timestamp = row.timestamp(3);
    if (row.is_null(4)) return entry;
    entry.last_digest = sha256_from_hex(row.text(4));
    if (!entry.last_digest) {
        return Error{ErrorKind::corrupt,
                     fmt::format("{}: the ledger of {} holds no digest: {}", connection.place(),
                                 to_string(at), in_quotes(row.text(4)))};
    }
    return entry;
}

// The ledger's rows that are there, by partition.
Result<std::map<TopicPartition, LedgerEntry>> read_ledger(PostgresConnection& connection,
                                                          std::span<const TopicPartition> wanted) {
    std::string sql =
        "select topic, partition, next_offset, last_timestamp, last_digest from offsets where";
    std::vector<Value> values;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        sql += fmt::format("{} (topic = ${} and partition = ${})", i == 0 ? "" : " or", 2 * i + 1,
                           2 * i + 2);
        values.emplace_back(wanted[i].topic);
        values.emplace_back(static_cast<std::int64_t>(wanted[i].partition.value()));
    }
    const auto found = connection.run(sql, values);
    if (!found) return found.error();
    std::map<TopicPartition, LedgerEntry> out;
    for (int i = 0; i < PQntuples(found->get()); ++i) {
        const PostgresRow row(found->get(), i);
        const TopicPartition at{std::string(row.text(0)),
                                Partition(static_cast<std::int32_t>(row.integer(1)))};
        auto entry = entry_of(connection, at, row);
        if (!entry) return entry.error();
        out.insert_or_assign(at, *std::move(entry));
    }
    return out;
}

// A limit in the URL wins, as libpq has it.
PostgresStoreOptions with_timeout_of(const PostgresUrl& url, PostgresStoreOptions options) {
    const auto found = url.options.find("connect_timeout");
    std::int64_t seconds = 0;
    if (found == url.options.end()) return options;
    const std::string& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (seconds > 0 && seconds < 86'400) options.connect_timeout = std::chrono::seconds(seconds);
    return options;
}

// Rows of the ledger at offset 0 for what is not there, in one order for everybody.
Result<> make_ledger_rows(PostgresConnection& connection, std::vector<TopicPartition> missing) {
    std::ranges::sort(missing);
    std::string sql = "insert into offsets (topic, partition, next_offset) values ";
    for (std::size_t i = 0; i < missing.size(); ++i) {
        sql += fmt::format("{}({}, {}, 0)", i == 0 ? "" : ", ", literal(missing[i].topic),
                           missing[i].partition.value());
    }
    return connection.execute(sql + " on conflict do nothing");
}

}  // namespace

// Connections that write, each behind its mutex, and a pool of those that read.
class PostgresStore::Impl {
public:
    Impl(PostgresUrl url, const Clock& clock, PostgresStoreOptions options)
        : clock_(clock),
          options_(with_timeout_of(url, std::move(options))),
          address_(std::move(url), options_.password) {}

    Result<> open();
    void prepare(Batch& batch);
    Result<std::vector<LedgerEntry>> ledger(std::span<const TopicPartition> partitions,
                                            const Patience& patience);
    Result<Committed> commit(const Batch& batch, const CommitOrder& order,
                             const Patience& patience);
    Result<> query(const Statement& statement, const RowSink& sink, const Patience& patience);
    Result<std::vector<std::int64_t>> transact(std::span<const Statement> statements,
                                               const Patience& patience);
    Result<std::unique_ptr<Lease>> acquire_lease(const std::string& holder);
    Result<std::optional<std::string>> lease_holder(const Patience& patience);
    Result<> ensure_table(const PriceTable& table);
    Result<> backup(const std::string& path, const std::function<void(int)>& progress);
    std::vector<std::string> pending();
    Result<std::optional<std::vector<std::string>>> try_writing(std::span<const PriceTable> tables);
    Result<std::int64_t> prune_rows(const PriceTable& table, Timestamp before);

private:
    // A connection that writes, and who stood in its way last.
    struct Writer {
        std::string name;
        Mutex mutex;
        std::unique_ptr<PostgresConnection> connection TAPEDECK_GUARDED_BY(mutex);
        std::string blocker TAPEDECK_GUARDED_BY(mutex);
    };

    // One of those that commit batches.
    struct Committing {
        explicit Committing(const std::string& loader) : committer(loader) {}
        Writer writer{"load", {}, {}, {}};
        BatchCommitter committer TAPEDECK_GUARDED_BY(writer.mutex);
    };

    Result<Committed> commit_by(Committing& one, const Batch& batch, const CommitOrder& order,
                                const Patience& patience) TAPEDECK_REQUIRES(one.writer.mutex);
    ConnectionSettings settings(const std::string& purpose) const;
    ConnectionSettings settings(const std::string& purpose, const Patience& patience) const;
    Result<std::unique_ptr<PostgresConnection>> open_for_schema(bool checks_pooler = false) const;
    Result<> make_ready(Writer& writer, const Patience& patience) TAPEDECK_REQUIRES(writer.mutex);
    void end_blockers(Writer& writer) TAPEDECK_REQUIRES(writer.mutex);
    Error explained(const Writer& writer, Error error) const TAPEDECK_REQUIRES(writer.mutex);
    void end_abandoned(const PostgresConnection& connection, Error& error) const;
    Result<std::vector<std::int64_t>> run_all(PostgresConnection& connection,
                                              std::span<const Statement> statements);
    TakeOver take_over() const { return {options_.keep_types, options_.original_zone}; }
    Result<> look_at_own_tables(PostgresConnection& connection);
    Result<> look_at(const PriceTable& table);
    Result<PostgresLens> look_again(PostgresConnection& connection);
    Result<> stream(PostgresConnection& reader, const Statement& statement, const RowSink& sink);
    Result<> check_writes() const;
    Result<std::unique_ptr<PostgresConnection>> borrow(const Patience& patience);
    void give_back(std::unique_ptr<PostgresConnection> reader);

    const Clock& clock_;
    const PostgresStoreOptions options_;
    const PostgresAddress address_;

    std::array<Committing, kCommits> commits_{Committing(options_.loader),
                                              Committing(options_.loader)};
    EncodedBatchPool encoded_;
    Writer transacts_{"write", {}, {}, {}};

    Mutex pool_mutex_;
    std::vector<std::unique_ptr<PostgresConnection>> pool_ TAPEDECK_GUARDED_BY(pool_mutex_);

    Mutex lens_mutex_;
    PostgresLens lens_ TAPEDECK_GUARDED_BY(lens_mutex_);             // of the tables that are left
    std::vector<PriceTable> left_ TAPEDECK_GUARDED_BY(lens_mutex_);  // those of prices
    std::vector<std::string> pending_ TAPEDECK_GUARDED_BY(lens_mutex_){};

    Mutex lease_mutex_;
    // Owned by the Lease given out.
    std::weak_ptr<HeldLease> lease_ TAPEDECK_GUARDED_BY(lease_mutex_);
};

ConnectionSettings PostgresStore::Impl::settings(const std::string& purpose) const {
    ConnectionSettings out;
    out.application_name = fmt::format("tapedeck {}: {}", purpose, options_.loader);
    out.connect_timeout = options_.connect_timeout;
    out.stop = options_.stop;
    return out;
}

ConnectionSettings PostgresStore::Impl::settings(const std::string& purpose,
                                                 const Patience& patience) const {
    ConnectionSettings out = settings(purpose);
    out.connect_timeout = std::min(out.connect_timeout, patience.limit);
    if (patience.stop.stop_possible()) out.stop = patience.stop;
    return out;
}

Result<std::unique_ptr<PostgresConnection>> PostgresStore::Impl::open_for_schema(
    bool checks_pooler) const {
    ConnectionSettings own = settings("schema");
    own.lock_timeout = kSchemaLock;
    own.checks_pooler = checks_pooler;
    auto connection = address_.open(own);
    if (connection) (*connection)->be_patient({0ms, options_.stop});
    return connection;
}

Result<> PostgresStore::Impl::open() {
    const bool writes = options_.tables != PostgresTables::look;
    auto connection = writes ? open_for_schema(true) : borrow({.stop = options_.stop});
    if (!connection) return connection.error();
    const int version = PQserverVersion((*connection)->handle());
    if (version < kOldestServer) {
        return Error{ErrorKind::rejected,
                     fmt::format("{}: PostgreSQL {} is too old: 13 is the oldest that will do",
                                 (*connection)->place(), version / 10'000)};
    }
    if (options_.tables == PostgresTables::take_over || options_.tables == PostgresTables::make) {
        return make_schema(**connection, clock_.now());
    }
    auto done = look_at_own_tables(**connection);
    if (!writes) give_back(*std::move(connection));
    return done;
}

Result<> PostgresStore::Impl::look_at_own_tables(PostgresConnection& connection) {
    const auto version = find_schema(connection);
    if (!version) return version.error();
    const auto newest = static_cast<std::int64_t>(schema_steps().size());
    if (*version == newest) return {};
    const std::string older =
        fmt::format("tapedeck's own tables are of version {}, and become those of version {}",
                    *version, newest);
    if (options_.tables == PostgresTables::leave) {
        return Error{ErrorKind::rejected,
                     *version > 0 ? fmt::format("{}: {}, by `tapedeck check --migrate`, `run` or "
                                                "`load`",
                                                connection.place(), older)
                                  : fmt::format("there are no tables of tapedeck's in {} yet: "
                                                "`tapedeck run` makes them",
                                                connection.place())};
    }
    auto lens = PostgresLens::of_own_tables(connection);
    if (!lens) return lens.error();
    const Lock lock(lens_mutex_);
    lens_ = *std::move(lens);
    if (*version > 0) pending_.push_back(older);
    return {};
}

Result<> PostgresStore::Impl::check_writes() const {
    if (options_.tables != PostgresTables::look) return {};
    return only_looked_at(fmt::format("the database {}", address_.database()));
}

Result<> PostgresStore::Impl::make_ready(Writer& writer, const Patience& patience) {
    if (auto writes = check_writes(); !writes) return writes;
    writer.blocker.clear();
    if (writer.connection && writer.connection->usable() && writer.connection->alive()) {
        writer.connection->be_patient(patience);
        return {};
    }
    writer.connection = nullptr;
    ConnectionSettings own = settings(writer.name, patience);
    own.lock_timeout = options_.lock_timeout + kAfterBlockers;
    own.statement_timeout = options_.statement_timeout;
    auto opened = address_.open(own);
    if (!opened) return opened.error();
    writer.connection = *std::move(opened);
    writer.connection->watch(options_.lock_timeout, [this, &writer]() TAPEDECK_REQUIRES(
                                                        writer.mutex) { end_blockers(writer); });
    writer.connection->be_patient(patience);
    return {};
}

// Looks who holds what the writer waits for. A tapedeck whose server process waits for it to say
// something is stalled, and is ended: what it had not committed, the ledger does not know of.
void PostgresStore::Impl::end_blockers(Writer& writer) {
    ConnectionSettings own = settings("watch");
    own.connect_timeout = kHelperAnswer;
    auto helper = address_.open(own);
    if (!helper) return;  // the wait goes on, and ends by the server's limit
    const auto pid = static_cast<std::int64_t>(writer.connection->backend_pid());
    const std::vector<Value> values{pid};
    (*helper)->be_patient({kHelperAnswer, {}});
    const auto found = (*helper)->run(
        "select a.pid, coalesce(a.application_name, ''), coalesce(a.usename::text, ''),"
        " a.application_name like 'tapedeck%' and (a.wait_event_type = 'Client' or a.state like"
        " 'idle in transaction%') from unnest(pg_blocking_pids($1::bigint::integer)) as b (pid)"
        " join pg_stat_activity a on a.pid = b.pid",
        values);
    if (!found) return;
    writer.blocker.clear();
    for (int i = 0; i < PQntuples(found->get()); ++i) {
        const PostgresRow row(found->get(), i);
        const std::int64_t blocker = row.integer(0);
        if (!row.is_null(3) && row.integer(3) != 0) {
            const auto ended =
                (*helper)->execute(fmt::format("select pg_terminate_backend({})", blocker));
            if (ended) continue;
        }
        writer.blocker +=
            fmt::format("{}process {} of {}{}", writer.blocker.empty() ? "" : ", ", blocker,
                        row.text(2), row.text(1).empty() ? "" : fmt::format(" ({})", row.text(1)));
    }
}

Error PostgresStore::Impl::explained(const Writer& writer, Error error) const {
    if (!writer.connection) return error;
    if (is_for_a_person(writer.connection->sqlstate())) error.kind = ErrorKind::unavailable;
    if (writer.connection->has_given_up()) {
        end_abandoned(*writer.connection, error);
    } else if (writer.connection->sqlstate() == "55P03" && !writer.blocker.empty()) {
        error.what += "; the lock is held by " + writer.blocker;
    }
    return error;
}

// The server may go on with what nobody waits for any more: it, and its locks, are ended.
void PostgresStore::Impl::end_abandoned(const PostgresConnection& connection, Error& error) const {
    ConnectionSettings own = settings("watch");
    own.connect_timeout = kHelperAnswer;
    auto helper = address_.open(own);
    if (!helper) return;  // the whole server is away, and notices by itself that we are gone
    (*helper)->be_patient({kHelperAnswer, {}});
    const std::vector<Value> values{static_cast<std::int64_t>(connection.backend_pid())};
    const auto blockers = (*helper)->run(
        "select string_agg('process ' || a.pid || ' of ' || coalesce(a.usename::text, '?') ||"
        " coalesce(' (' || nullif(a.application_name, '') || ')', ''), ', ') from"
        " unnest(pg_blocking_pids($1::bigint::integer)) as b (pid) join pg_stat_activity a"
        " on a.pid = b.pid",
        values);
    if (blockers && PQntuples(blockers->get()) == 1) {
        const PostgresRow row(blockers->get(), 0);
        if (!row.is_null(0)) error.what += "; a lock is held by " + std::string(row.text(0));
    }
    const auto ended = (*helper)->run("select pg_terminate_backend($1::bigint::integer)", values);
    static_cast<void>(ended);  // else it ends when it tries to answer
}

Result<std::vector<LedgerEntry>> PostgresStore::Impl::ledger(
    std::span<const TopicPartition> partitions, const Patience& patience) {
    std::vector<LedgerEntry> out;
    if (partitions.empty()) return out;
    const Lock lock(transacts_.mutex);
    if (auto ready = make_ready(transacts_, patience); !ready) return ready.error();
    PostgresConnection& connection = *transacts_.connection;
    auto known = read_ledger(connection, partitions);
    if (!known) return explained(transacts_, known.error());
    std::vector<TopicPartition> missing;
    for (const TopicPartition& at : partitions) {
        if (!known->contains(at)) missing.push_back(at);
    }
    if (!missing.empty()) {
        if (auto made = make_ledger_rows(connection, missing); !made) {
            return explained(transacts_, made.error());
        }
        known = read_ledger(connection, partitions);
        if (!known) return explained(transacts_, known.error());
    }
    for (const TopicPartition& at : partitions) {
        const auto found = known->find(at);
        if (found == known->end()) {
            return Error{ErrorKind::unavailable, fmt::format("{}: the ledger of {} went away",
                                                             connection.place(), to_string(at))};
        }
        out.push_back(found->second);
    }
    return out;
}

void PostgresStore::Impl::prepare(Batch& batch) {
    auto encoded = encoded_.take();
    encoded->encode(batch);
    batch.prepared = std::move(encoded);
}

Result<Committed> PostgresStore::Impl::commit(const Batch& batch, const CommitOrder& order,
                                              const Patience& patience) {
    for (Committing& one : commits_) {
        if (!one.writer.mutex.try_lock()) continue;
        const Lock lock(one.writer.mutex, std::adopt_lock);
        return commit_by(one, batch, order, patience);
    }
    Committing& first = commits_.front();
    const Lock lock(first.writer.mutex);
    return commit_by(first, batch, order, patience);
}

Result<Committed> PostgresStore::Impl::commit_by(Committing& one, const Batch& batch,
                                                 const CommitOrder& order,
                                                 const Patience& patience) {
    if (auto ready = make_ready(one.writer, patience); !ready) return ready.error();
    EncodedBatch* const encoded = encoded_.find(batch.prepared);
    auto committed =
        one.committer.commit(*one.writer.connection, batch, encoded, clock_.now(), order);
    if (!committed) return explained(one.writer, committed.error());
    return committed;
}

Result<std::unique_ptr<PostgresConnection>> PostgresStore::Impl::borrow(const Patience& patience) {
    for (;;) {
        std::unique_ptr<PostgresConnection> reader;
        {
            const Lock lock(pool_mutex_);
            if (pool_.empty()) break;
            reader = std::move(pool_.back());
            pool_.pop_back();
        }
        if (reader->usable() && reader->alive()) return reader;
    }
    ConnectionSettings own = settings("read", patience);
    own.reads_only = true;
    own.lock_timeout = kReadersLock;
    return address_.open(own);
}

void PostgresStore::Impl::give_back(std::unique_ptr<PostgresConnection> reader) {
    if (!reader->usable()) return;
    const Lock lock(pool_mutex_);
    if (pool_.size() < kIdleReaders) pool_.push_back(std::move(reader));
}

// Through the lens; and once more where a table has been taken over since.
Result<> PostgresStore::Impl::stream(PostgresConnection& reader, const Statement& statement,
                                     const RowSink& sink) {
    PostgresLens lens;
    {
        const Lock lock(lens_mutex_);
        lens = lens_;
    }
    if (lens.empty()) return stream_rows(reader, statement, sink);
    auto done = stream_rows(reader, {lens.before(statement.sql), statement.values, {}}, sink);
    if (done || reader.sqlstate() != kNoSuchFunction || !reader.usable()) return done;
    auto newer = look_again(reader);
    if (!newer) return newer.error();
    return stream_rows(reader, {newer->before(statement.sql), statement.values, {}}, sink);
}

Result<PostgresLens> PostgresStore::Impl::look_again(PostgresConnection& connection) {
    const Lock lock(lens_mutex_);
    auto lens = PostgresLens::of_own_tables(connection);
    for (const PriceTable& table : left_) {
        if (!lens) break;
        auto done = lens->look_at(connection, table, options_.original_zone);
        if (!done) return done.error();
    }
    if (lens) lens_ = *lens;
    return lens;
}

Result<> PostgresStore::Impl::query(const Statement& statement, const RowSink& sink,
                                    const Patience& patience) {
    auto reader = borrow(patience);
    if (!reader) return reader.error();
    (*reader)->be_patient(patience);
    auto done = stream(**reader, statement, sink);
    if (!done && (*reader)->has_given_up()) {
        Error error = done.error();
        end_abandoned(**reader, error);
        return error;
    }
    const std::string sqlstate = (*reader)->sqlstate();
    give_back(*std::move(reader));
    if (done) return done;
    if (is_for_a_person(sqlstate)) return Error{ErrorKind::unavailable, done.error().what};
    if (sqlstate == "25006") {
        return Error{ErrorKind::rejected, "not a statement that only reads: " + statement.sql};
    }
    return done;
}

Result<std::vector<std::int64_t>> PostgresStore::Impl::run_all(
    PostgresConnection& connection, std::span<const Statement> statements) {
    std::vector<std::int64_t> changes;
    for (const Statement& statement : statements) {
        const auto result = connection.run(statement.sql, statement.values);
        if (!result) {
            Error error = result.error();
            error.what += ", by: " + statement.sql;
            return error;
        }
        const std::int64_t changed = changed_rows(result->get());
        if (statement.expected_changes && *statement.expected_changes != changed) {
            return Error{ErrorKind::conflict,
                         fmt::format("{}: {} rows changed, not {}, by: {}", connection.place(),
                                     changed, *statement.expected_changes, statement.sql)};
        }
        changes.push_back(changed);
    }
    return changes;
}

Result<std::vector<std::int64_t>> PostgresStore::Impl::transact(
    std::span<const Statement> statements, const Patience& patience) {
    std::shared_ptr<HeldLease> lease;
    {
        const Lock lock(lease_mutex_);
        lease = lease_.lock();
    }
    if (lease) {
        if (auto held = lease->still_held(patience.stop); !held) return held.error();
    }
    const Lock lock(transacts_.mutex);
    if (auto ready = make_ready(transacts_, patience); !ready) return ready.error();
    PostgresConnection& connection = *transacts_.connection;
    auto done = connection.execute("begin");
    if (done && lease) {
        const std::vector<Statement> guard{lease->guard()};
        if (auto held = run_all(connection, guard); !held) done = held.error();
    }
    Result<std::vector<std::int64_t>> changes = std::vector<std::int64_t>();
    if (done) {
        changes = run_all(connection, statements);
        done = changes ? connection.execute("commit") : changes.error();
    }
    if (done) return changes;
    connection.reset();
    return explained(transacts_, done.error());
}

Result<std::unique_ptr<Lease>> PostgresStore::Impl::acquire_lease(const std::string& holder) {
    if (auto writes = check_writes(); !writes) return writes.error();
    ConnectionSettings own = settings("lease");
    own.statement_timeout = kLeaseAnswer;
    auto held = HeldLease::take(address_, own, holder, clock_.now());
    if (!held) return held.error();
    const Lock lock(lease_mutex_);
    lease_ = *held;
    return std::unique_ptr<Lease>(std::make_unique<PostgresLease>(*std::move(held)));
}

Result<std::optional<std::string>> PostgresStore::Impl::lease_holder(const Patience& patience) {
    auto reader = borrow(patience);
    if (!reader) return reader.error();
    (*reader)->be_patient(patience);
    auto holder = find_lease_holder(**reader);
    give_back(*std::move(reader));
    return holder;
}

Result<> PostgresStore::Impl::ensure_table(const PriceTable& table) {
    if (options_.tables == PostgresTables::leave || options_.tables == PostgresTables::look) {
        return look_at(table);
    }
    auto connection = open_for_schema();
    if (!connection) return connection.error();
    if (options_.tables == PostgresTables::make) {
        const auto found = find_table(**connection, table);
        if (!found) return found.error();
        if (found->kind != FoundTable::Kind::missing) return look_at(table);
    }
    return make_price_table(**connection, table, take_over(), options_.say);
}

// A table of prices that is left as it is, or is not there.
Result<> PostgresStore::Impl::look_at(const PriceTable& table) {
    auto reader = borrow({.stop = options_.stop});
    if (!reader) return reader.error();
    const Lock lock(lens_mutex_);
    const auto found = find_table(**reader, table);
    auto done =
        found ? lens_.look_at(**reader, table, options_.original_zone) : Result<>(found.error());
    give_back(*std::move(reader));
    if (!done) return done;
    left_.push_back(table);
    const bool is_whole = found->kind == FoundTable::Kind::missing || found->whole;
    if (!is_whole) pending_.push_back(migration_sentence(table, *found, take_over()));
    return {};
}

std::vector<std::string> PostgresStore::Impl::pending() {
    const Lock lock(lens_mutex_);
    return pending_;
}

Result<> PostgresStore::Impl::backup(const std::string& path,
                                     const std::function<void(int)>& progress) {
    std::int64_t tables = 0;
    auto counted = query({"select count(*) from pg_class where relkind = 'r' and relnamespace not"
                          " in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)",
                          {},
                          {}},
                         [&](const RowView& row) -> Result<> {
                             tables = row.integer(0);
                             return {};
                         },
                         {});
    if (!counted) return counted;
    const auto url = address_.url();
    if (!url) return url.error();
    return dump_database(*url, path, static_cast<int>(tables), progress);
}

Result<std::optional<std::vector<std::string>>> PostgresStore::Impl::try_writing(
    std::span<const PriceTable> tables) {
    ConnectionSettings own = settings("check");
    own.statement_timeout = kTrialAnswer;
    own.checks_pooler = true;
    auto connection = address_.open(own);
    if (!connection) return connection.error();
    const auto version = find_schema(**connection);
    if (!version) return version.error();
    const bool is_current = *version == static_cast<std::int64_t>(schema_steps().size());
    if (!is_current || !pending().empty()) return std::optional<std::vector<std::string>>();
    auto found = tapedeck::try_writing(**connection, tables, clock_.now());
    if (!found) return found.error();
    return std::optional(*std::move(found));
}

Result<std::int64_t> PostgresStore::Impl::prune_rows(const PriceTable& table, Timestamp before) {
    auto connection = address_.open(settings("prune"));
    if (!connection) return connection.error();
    const auto found = find_table(**connection, table);
    if (!found) return found.error();
    if (found->kind == FoundTable::Kind::missing || !found->problems.empty()) {
        return Error{ErrorKind::rejected, fmt::format("{}: {} is no table of prices",
                                                      (*connection)->place(), table.name)};
    }
    const std::vector<Value> values{before};
    const auto deleted =
        (*connection)->run(fmt::format("delete from \"{}\" where date < $1", table.name), values);
    if (!deleted) return deleted.error();
    return changed_rows(deleted->get());
}

PostgresStore::PostgresStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PostgresStore::~PostgresStore() = default;

Result<std::unique_ptr<PostgresStore>> PostgresStore::open(const PostgresUrl& url,
                                                           const Clock& clock,
                                                           PostgresStoreOptions options) {
    if (options.loader.empty()) options.loader = loader_name();
    auto impl = std::make_unique<Impl>(url, clock, std::move(options));
    if (auto ready = impl->open(); !ready) {
        return in_context("opening the store", ready.error());
    }
    return std::unique_ptr<PostgresStore>(new PostgresStore(std::move(impl)));
}

Result<std::vector<LedgerEntry>> PostgresStore::ledger(std::span<const TopicPartition> partitions,
                                                       const Patience& patience) {
    auto out = impl_->ledger(partitions, patience);
    if (!out) return in_context("reading the ledger", out.error());
    return out;
}

void PostgresStore::prepare(Batch& batch) { impl_->prepare(batch); }

Result<Committed> PostgresStore::commit(const Batch& batch, const CommitOrder& order,
                                        const Patience& patience) {
    auto committed = impl_->commit(batch, order, patience);
    if (!committed) return in_context("committing a batch", committed.error());
    return committed;
}

Result<> PostgresStore::query(const Statement& statement, const RowSink& sink,
                              const Patience& patience) {
    return impl_->query(statement, sink, patience);
}

Result<std::vector<std::int64_t>> PostgresStore::transact(std::span<const Statement> statements,
                                                          const Patience& patience) {
    return impl_->transact(statements, patience);
}

Result<std::unique_ptr<Lease>> PostgresStore::acquire_lease(const std::string& holder) {
    return impl_->acquire_lease(holder);
}

Result<std::optional<std::string>> PostgresStore::lease_holder(const Patience& patience) {
    return impl_->lease_holder(patience);
}

Result<> PostgresStore::ensure_table(const PriceTable& table) {
    auto made = impl_->ensure_table(table);
    if (!made) return in_context("making table " + table.name, made.error());
    return made;
}

Result<> PostgresStore::backup(const std::string& path,
                               const std::function<void(int percent)>& progress) {
    auto done = impl_->backup(path, progress);
    if (!done) return in_context("backing up", done.error());
    return done;
}

std::vector<std::string> PostgresStore::pending() const { return impl_->pending(); }

Result<std::optional<std::vector<std::string>>> PostgresStore::try_writing(
    std::span<const PriceTable> tables) {
    return impl_->try_writing(tables);
}

Result<std::int64_t> PostgresStore::prune_rows(const PriceTable& table, Timestamp before) {
    return impl_->prune_rows(table, before);
}

}  // namespace tapedeck
