#include "store/sqlite/sqlite_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/looked_at.h"
#include "base/mutex.h"
#include "sqlite/sqlite_patience.h"
#include "store/batch_rules.h"
#include "store/journal/statement_runner.h"
#include "store/loader_name.h"

#include "store/sqlite/batch_writer.h"
#include "store/sqlite/file_lease.h"
#include "store/sqlite/lease_row.h"
#include "store/sqlite/replaced_note.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_backup.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

constexpr std::size_t kIdleReaders = 2;

Error not_reading(const Statement& statement) {
    return {ErrorKind::rejected, "not a statement that only reads: " + statement.sql};
}

Result<LedgerEntry> ledger_entry(Database& database, const TopicPartition& at) {
    auto make = database.prepare(
        "insert into offsets (topic, partition, next_offset) values (?1, ?2, 0)"
        " on conflict do nothing");
    if (!make) return make.error();
    make->bind(1, at.topic);
    make->bind(2, at.partition.value());
    if (auto done = make->run(); !done) return done.error();
    auto find = database.prepare(
        "select next_offset, last_timestamp, last_digest from offsets"
        " where topic = ?1 and partition = ?2");
    if (!find) return find.error();
    find->bind(1, at.topic);
    find->bind(2, at.partition.value());
    const auto row = find->step();
    if (!row) return row.error();
    TAPEDECK_ASSERT(*row);
    LedgerEntry entry{at, Offset(find->integer(0)), std::nullopt, std::nullopt};
    if (!find->is_null(1)) entry.last_timestamp = find->timestamp(1);
    if (!find->is_null(2)) {
        entry.last_digest = sha256_from_hex(find->bytes(2));
        if (!entry.last_digest) {
            return Error{ErrorKind::corrupt,
                         fmt::format("{}: the ledger of {} holds no digest: {}", database.path(),
                                     to_string(at), find->bytes(2))};
        }
    }
    return entry;
}

}  // namespace

// A reading connection from the pool, given back when done with.
class SqliteStore::ReadingLoan {
public:
    static Result<ReadingLoan> take(SqliteStore& store) {
        if (store.writer_) {
            // By its name another file might be opened.
            if (auto same = store.writer_->check_watch(); !same) return same.error();
        }
        LookedAt reading;
        {
            const Lock lock(store.pool_mutex_);
            if (!store.pool_.empty()) {
                ReadingLoan loan(store, std::move(store.pool_.back()));
                store.pool_.pop_back();
                return loan;
            }
            reading = store.reading_;
            reading.lens = store.lens_;
        }
        auto opened = reading.open();
        if (!opened) return opened.error();
        return ReadingLoan(store, *std::move(opened));
    }
    ReadingLoan(ReadingLoan&&) = default;
    ReadingLoan& operator=(ReadingLoan&&) = delete;
    ~ReadingLoan() {
        if (!database_) return;
        const Lock lock(store_.pool_mutex_);
        if (store_.pool_.size() < kIdleReaders) store_.pool_.push_back(std::move(database_));
    }
    Database& database() { return *database_; }

private:
    ReadingLoan(SqliteStore& store, std::unique_ptr<Database> database)
        : store_(store), database_(std::move(database)) {}
    SqliteStore& store_;
    std::unique_ptr<Database> database_;
};

class SqliteStore::MemoryLease : public Lease {
public:
    explicit MemoryLease(std::shared_ptr<std::atomic_flag> held) : held_(std::move(held)) {}
    ~MemoryLease() override { held_->clear(); }

private:
    std::shared_ptr<std::atomic_flag> held_;
};

// The lock on the file of the lease, and the row that names its holder.
class SqliteStore::HeldLease : public Lease {
public:
    HeldLease(std::shared_ptr<const FileLease> file, std::shared_ptr<WriteGate> gate,
              std::shared_ptr<Database> writer)
        : file_(std::move(file)), gate_(std::move(gate)), writer_(std::move(writer)) {}
    ~HeldLease() override {
        const WriteGate::Pass pass(*gate_);
        // Where it fails, the row names a process that soon is no more.
        const auto dropped = drop_lease_row(*writer_);
        static_cast<void>(dropped);
    }

private:
    std::shared_ptr<const FileLease> file_;
    std::shared_ptr<WriteGate> gate_;
    std::shared_ptr<Database> writer_;
};

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path, const Clock& clock,
                                                       SqliteStoreOptions options) {
    auto writer = open_file(path, store_part(), clock, {options.busy_timeout, true});
    if (!writer) return in_context("opening the store", writer.error());
    if (options.loader.empty()) options.loader = loader_name();
    LookedAt reading = beside_own_writer(path, options.busy_timeout);
    return std::unique_ptr<SqliteStore>(
        new SqliteStore(std::move(reading), clock, std::move(options), *std::move(writer)));
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open_looking(const std::string& path,
                                                               const Clock& clock,
                                                               const LookOptions& options) {
    auto reading = look_at(path, store_part(), options);
    if (!reading) return reading.error();
    return std::unique_ptr<SqliteStore>(
        new SqliteStore(*std::move(reading), clock, {options.busy_timeout, {}}, nullptr));
}

SqliteStore::SqliteStore(LookedAt reading, const Clock& clock, SqliteStoreOptions options,
                         std::unique_ptr<Database> writer)
    : clock_(clock),
      options_(std::move(options)),
      gate_(std::make_shared<WriteGate>()),
      writer_(std::move(writer)),
      reading_(std::move(reading)),
      lens_(reading_.lens),
      memory_lease_(std::make_shared<std::atomic_flag>()) {}

SqliteStore::~SqliteStore() = default;

// Makes a call to the writer within the caller's patience, behind the gate.
template <class Call>
auto SqliteStore::write_patiently(const Patience& patience, Call call) -> decltype(call()) {
    if (!writer_) return only_looked_at(reading_.path);
    if (auto held = check_lease(); !held) return held.error();
    const PatientWriting writing(*gate_, *writer_, patience, options_.busy_timeout);
    if (auto entered = writing.entered(); !entered) return entered.error();
    auto done = call();
    if (!done) return writing.explained(done.error());
    return done;
}

Result<std::vector<LedgerEntry>> SqliteStore::read_ledger(
    std::span<const TopicPartition> partitions) {
    std::vector<LedgerEntry> out;
    auto transaction = Transaction::begin(*writer_);
    if (!transaction) return transaction.error();
    for (const TopicPartition& at : partitions) {
        auto entry = ledger_entry(*writer_, at);
        if (!entry) return entry.error();
        out.push_back(*std::move(entry));
    }
    if (auto done = transaction->commit(); !done) return done.error();
    return out;
}

Result<std::vector<LedgerEntry>> SqliteStore::ledger(std::span<const TopicPartition> partitions,
                                                     const Patience& patience) {
    auto read = write_patiently(patience, [&] { return read_ledger(partitions); });
    if (!read) return in_context("reading the ledger", read.error());
    return read;
}

Result<Committed> SqliteStore::commit_in_transaction(const Batch& batch) {
    auto transaction = Transaction::begin(*writer_);
    if (!transaction) return transaction.error();
    BatchWriter batch_writer(*writer_, options_.loader, clock_.now());
    auto committed = batch_writer.write(batch);
    if (!committed) return committed;
    if (auto done = transaction->commit(); !done) return done.error();
    return committed;
}

Result<Committed> SqliteStore::commit(const Batch& batch, const CommitOrder& order,
                                      const Patience& patience) {
    if (order.at(CommitStep::written) == CommitTurn::missed) return out_of_turn();
    auto committed = write_patiently(patience, [&] { return commit_in_transaction(batch); });
    if (!committed) return in_context("committing a batch", committed.error());
    return committed;
}

Result<std::vector<std::unique_ptr<RowView>>> SqliteStore::collect(const Statement& statement) {
    auto runner = StatementRunner::prepare(*writer_, statement);
    if (!runner) return runner.error();
    if (!runner->reads_only()) return not_reading(statement);
    return runner->collect();
}

Result<> SqliteStore::query(const Statement& statement, const RowSink& sink,
                            const Patience& patience) {
    if (in_memory()) {
        const auto rows = write_patiently(patience, [&] { return collect(statement); });
        if (!rows) return rows.error();
        for (const auto& row : *rows) {
            if (auto taken = sink(*row); !taken) return taken;
        }
        return {};
    }
    auto loan = ReadingLoan::take(*this);
    if (!loan) return in_context("reading", loan.error());
    PatientCall call(loan->database(), patience, options_.busy_timeout);
    auto runner = StatementRunner::prepare(loan->database(), statement);
    if (!runner) return call.explained(runner.error());
    if (!runner->reads_only()) return not_reading(statement);
    bool refused = false;
    auto done = runner->stream([&](const RowView& row) {
        call.progressed();
        auto taken = sink(row);
        refused = !taken;
        return taken;
    });
    // What was read while somebody wrote is nothing, whatever it seems to be.
    if (auto same = loan->database().check_watch(); !same) return same;
    if (!done && !refused) return call.explained(done.error());
    return done;
}

Result<std::vector<std::int64_t>> SqliteStore::transact_in_transaction(
    std::span<const Statement> statements) {
    std::vector<std::int64_t> changes;
    auto transaction = Transaction::begin(*writer_);
    if (!transaction) return transaction.error();
    for (const Statement& statement : statements) {
        auto runner = StatementRunner::prepare(*writer_, statement);
        if (!runner) return runner.error();
        const auto changed = runner->run(*writer_);
        if (!changed) return changed.error();
        if (statement.expected_changes && *statement.expected_changes != *changed) {
            return Error{ErrorKind::conflict,
                         fmt::format("{}: {} rows changed, not {}, by: {}", reading_.path, *changed,
                                     *statement.expected_changes, statement.sql)};
        }
        changes.push_back(*changed);
    }
    if (auto done = transaction->commit(); !done) return done.error();
    return changes;
}

Result<std::vector<std::int64_t>> SqliteStore::transact(std::span<const Statement> statements,
                                                        const Patience& patience) {
    return write_patiently(patience, [&] { return transact_in_transaction(statements); });
}

Result<std::unique_ptr<Lease>> SqliteStore::take_lease(const std::string& holder) {
    auto taken = FileLease::take(reading_.path, holder);
    if (!taken) return taken.error();
    std::shared_ptr<const FileLease> file = *std::move(taken);
    {
        const WriteGate::Pass pass(*gate_);
        auto transaction = Transaction::begin(*writer_);
        if (!transaction) return transaction.error();
        if (auto row = take_lease_row(*writer_, holder, clock_.now()); !row) return row.error();
        if (auto done = transaction->commit(); !done) return done.error();
        if (auto known = take_replaced_notes(*writer_); !known) return known.error();
    }
    const Lock lock(lease_mutex_);
    lease_ = file;
    return std::unique_ptr<Lease>(std::make_unique<HeldLease>(std::move(file), gate_, writer_));
}

// Before a transaction: its holder must not go on once somebody else could take the lease.
Result<> SqliteStore::check_lease() {
    const Lock lock(lease_mutex_);
    const auto file = lease_.lock();
    return file ? file->check() : Result<>();
}

Result<> SqliteStore::check_files() {
    if (writer_) {
        if (auto same = writer_->check_watch(); !same) return same;
    }
    return check_lease();
}

std::optional<Rescued> SqliteStore::rescue() {
    if (!writer_ || in_memory()) return std::nullopt;
    const WriteGate::Pass pass(*gate_);
    return rescue_if_replaced(*writer_, clock_.now());
}

Result<std::unique_ptr<Lease>> SqliteStore::acquire_lease(const std::string& holder) {
    if (!writer_) return only_looked_at(reading_.path);
    if (!in_memory()) return take_lease(holder);
    if (memory_lease_->test_and_set()) {
        return Error{ErrorKind::conflict, "the store in memory is held already"};
    }
    return std::unique_ptr<Lease>(std::make_unique<MemoryLease>(memory_lease_));
}

Result<std::optional<std::string>> SqliteStore::lease_holder(const Patience& /*patience*/) {
    if (!in_memory()) return find_lease_holder(reading_.path);
    return memory_lease_->test() ? std::optional<std::string>("this process") : std::nullopt;
}

// A feed that is configured, but was never recorded into this file, reads as one without prices.
Result<> SqliteStore::look_at_table(const PriceTable& table) {
    auto loan = ReadingLoan::take(*this);
    if (!loan) return loan.error();
    auto lens =
        lens_for(loan->database(), [&](Database& whole) { return make_price_table(whole, table); });
    if (!lens) return lens.error();
    if (lens->empty()) return {};
    for (const std::string& sql : *lens) {
        if (auto done = loan->database().execute(sql); !done) return done;
    }
    const Lock lock(pool_mutex_);
    pool_.clear();  // they lack it
    std::ranges::move(*lens, std::back_inserter(lens_));
    return {};
}

Result<> SqliteStore::ensure_table(const PriceTable& table) {
    if (!writer_) return look_at_table(table);
    const WriteGate::Pass pass(*gate_);
    auto transaction = Transaction::begin(*writer_);
    if (!transaction) return in_context("making table " + table.name, transaction.error());
    if (auto made = make_price_table(*writer_, table); !made) return made;
    if (auto done = transaction->commit(); !done) {
        return in_context("making table " + table.name, done.error());
    }
    return {};
}

Result<> SqliteStore::backup(const std::string& path,
                             const std::function<void(int percent)>& progress) {
    if (in_memory()) {
        const WriteGate::Pass pass(*gate_);
        return back_up(*writer_, path, progress);
    }
    auto loan = ReadingLoan::take(*this);
    if (!loan) return in_context("backing up", loan.error());
    // One snapshot for the whole copy: without it SQLite starts anew after each write of others.
    Database& database = loan->database();
    if (auto done = database.execute("begin; select 1 from sqlite_schema"); !done) return done;
    auto copied = back_up(database, path, progress);
    const auto ended = database.execute("rollback");
    return copied ? ended : copied;
}

}  // namespace tapedeck
