#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/store.h"
#include "tape/sqlite_file.h"

namespace tapedeck {

struct SqliteStoreOptions {
    std::chrono::milliseconds busy_timeout{5'000};
    std::string loader;  // who commits, for the table `batches`; empty: host and process
};

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
    ~SqliteStore() override;

    Result<std::vector<LedgerEntry>> ledger(std::span<const TopicPartition> partitions) override;
    Result<Committed> commit(const Batch& batch, const CommitOrder& order = {}) override;
    Result<> query(const Statement& statement, const RowSink& sink) override;
    Result<std::vector<std::int64_t>> transact(std::span<const Statement> statements) override;
    Result<std::unique_ptr<Lease>> acquire_lease(const std::string& holder) override;
    Result<> ensure_table(const PriceTable& table) override;
    Result<> backup(const std::string& path,
                    const std::function<void(int percent)>& progress) override;

    // For the tape in the same file (SqliteTapeOptions::gate).
    std::shared_ptr<WriteGate> gate() const { return gate_; }

private:
    class ReadingLoan;
    class MemoryLease;

    SqliteStore(std::string path, const Clock& clock, SqliteStoreOptions options,
                std::unique_ptr<Database> writer);
    bool in_memory() const { return path_ == ":memory:"; }
    Result<std::vector<std::unique_ptr<RowView>>> collect(const Statement& statement);
    Result<Committed> commit_in_transaction(const Batch& batch);
    Result<std::vector<std::int64_t>> transact_in_transaction(
        std::span<const Statement> statements);

    const std::string path_;
    const Clock& clock_;
    const SqliteStoreOptions options_;
    const std::shared_ptr<WriteGate> gate_;   // shared: with the tape in the same file
    const std::unique_ptr<Database> writer_;  // used within the gate only

    std::mutex pool_mutex_;
    std::vector<std::unique_ptr<Database>> pool_;     // guarded by pool_mutex_: idle readers
    std::shared_ptr<std::atomic_flag> memory_lease_;  // shared: with the lease that holds it
};

}  // namespace tapedeck
