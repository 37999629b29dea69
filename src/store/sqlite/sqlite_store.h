#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "sqlite/sqlite_looking.h"
#include "sqlite/sqlite_rescue.h"
#include "store/store.h"

namespace tapedeck {

struct SqliteStoreOptions {
    std::chrono::milliseconds busy_timeout{5'000};
    std::string loader;  // who commits, for the table `batches`; empty: host and process
};

class FileLease;

// The embedded store: one SQLite file, docs/formats/tables.md; ":memory:" for tests.
//
// One connection writes, behind the gate; each `query` has a reading connection of its own from a
// small pool, and sees the state at its start. In memory there is one connection only: there a
// query reads all its rows before the sink gets the first.
class SqliteStore : public Store {
public:
    // Makes the file and its tables where they are missing. Errors as open_file's. `clock` gives
    // recorded_at and must outlive the store.
    static Result<std::unique_ptr<SqliteStore>> open(const std::string& path, const Clock& clock,
                                                     SqliteStoreOptions options = {});
    // To be read only, as look_at has it: what writes is `rejected`. What an older file lacks is
    // read as empty.
    static Result<std::unique_ptr<SqliteStore>> open_looking(const std::string& path,
                                                             const Clock& clock,
                                                             const LookOptions& options);
    ~SqliteStore() override;

    Result<std::vector<LedgerEntry>> ledger(std::span<const TopicPartition> partitions,
                                            const Patience& patience = {}) override;
    void prepare(Batch& /*batch*/) override {}  // a row is encoded as it is written
    Result<Committed> commit(const Batch& batch, const CommitOrder& order = {},
                             const Patience& patience = {}) override;
    Result<> query(const Statement& statement, const RowSink& sink,
                   const Patience& patience = {}) override;
    Result<std::vector<std::int64_t>> transact(std::span<const Statement> statements,
                                               const Patience& patience = {}) override;
    int commits_at_once() const override { return 1; }  // a file has one writer
    Result<std::unique_ptr<Lease>> acquire_lease(const std::string& holder) override;
    Result<std::optional<std::string>> lease_holder(const Patience& patience = {}) override;
    Result<> ensure_table(const PriceTable& table) override;
    Result<> backup(const std::string& path,
                    const std::function<void(int percent)>& progress) override;

    // `corrupt` where the file or the lease is no longer what was opened. Asks no gate.
    Result<> check_files();

    // Where the file was deleted, moved or replaced: rescue_if_replaced's copy of it.
    std::optional<Rescued> rescue();

    // Read as a file that nobody writes, without locks.
    bool is_unchanging() const { return reading_.watch.has_value(); }

    // Opened to look, and of an older program: what it lacks is read as empty.
    bool is_older() const { return reading_.older; }

    // For the tape in the same file (SqliteTapeOptions::gate).
    std::shared_ptr<WriteGate> gate() const { return gate_; }

private:
    class ReadingLoan;
    class MemoryLease;
    class HeldLease;

    SqliteStore(LookedAt reading, const Clock& clock, SqliteStoreOptions options,
                std::unique_ptr<Database> writer);
    bool in_memory() const { return reading_.path == ":memory:"; }
    Result<std::unique_ptr<Lease>> take_lease(const std::string& holder);
    Result<> check_lease();
    Result<> look_at_table(const PriceTable& table);
    template <class Call>
    auto write_patiently(const Patience& patience, Call call) -> decltype(call());
    Result<std::vector<LedgerEntry>> read_ledger(std::span<const TopicPartition> partitions);
    Result<std::vector<std::unique_ptr<RowView>>> collect(const Statement& statement);
    Result<Committed> commit_in_transaction(const Batch& batch);
    Result<std::vector<std::int64_t>> transact_in_transaction(
        std::span<const Statement> statements);

    const Clock& clock_;
    const SqliteStoreOptions options_;
    const std::shared_ptr<WriteGate> gate_;  // shared: with the tape in the same file
    // Used within the gate only; none: opened to look. Shared: with the lease, which takes its
    // holder's name out of the database.
    const std::shared_ptr<Database> writer_;

    const LookedAt reading_;  // how readers are opened, but for their lens
    Mutex pool_mutex_;
    std::vector<std::string> lens_ TAPEDECK_GUARDED_BY(pool_mutex_);
    std::vector<std::unique_ptr<Database>> pool_ TAPEDECK_GUARDED_BY(pool_mutex_);  // idle readers
    std::shared_ptr<std::atomic_flag> memory_lease_;  // shared: with the lease that holds it
    Mutex lease_mutex_;
    // While this store holds it.
    std::weak_ptr<const FileLease> lease_ TAPEDECK_GUARDED_BY(lease_mutex_);
};

}  // namespace tapedeck
