#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/urls.h"
#include "store/store.h"

namespace tapedeck {

// What a store does about tables that are missing or as an older program, or the original, made
// them. Those that it leaves are read as they are: PostgresLens.
enum class PostgresTables {
    take_over,  // they are made and brought up to date
    make,       // what is missing is made and tapedeck's own brought up to date; the original's are
                // left as they are
    leave,      // all are left: `rejected` where tapedeck's own are older than this program
    look,       // all are left, and nothing is written at all
};

struct PostgresStoreOptions {
    PostgresTables tables = PostgresTables::take_over;
    std::string loader;  // who commits, for the table `batches`; empty: host and process
    std::chrono::milliseconds connect_timeout{10'000};
    // How long a commit waits for a lock; then a blocker that is tapedeck's own is terminated.
    std::chrono::milliseconds lock_timeout{2'000};
    std::chrono::milliseconds statement_timeout{60'000};
    // Of an original's table that is migrated: its serial, timestamp and primary key stay.
    bool keep_types = false;
    std::string original_zone = "UTC";  // that its timestamps are in
    // Asked before each connection, in place of the URL's: it may have been rotated. Errors are
    // those of connecting.
    std::function<Result<Secret>()> password;
    // Once requested, connections that no caller's patience ends are waited for no longer.
    std::stop_token stop;
    // Gets a sentence for people before something long begins: a table's migration.
    std::function<void(const std::string& sentence)> say;
};

// The store for a server: PostgreSQL 13 or later by libpq, docs/postgres.md.
//
// Two connections commit, one transacts, each `query` has one of its own from a small pool; a
// connection that broke is made anew by the next call that wants it. Every call may be made from
// any thread. No error's text holds a password. Errors, beside Store's: `unavailable` also where a
// serialization failed, a lock is held by somebody else (who is named), or the connection was lost
// during a commit: whether that was made, the ledger says.
class PostgresStore : public Store {
public:
    // Makes the tables where they are missing, under an advisory lock, and takes an older schema
    // up to date, where `options.tables` has it so; `rejected` where the schema is newer than this
    // program. `clock` gives recorded_at and must outlive the store.
    static Result<std::unique_ptr<PostgresStore>> open(const PostgresUrl& url, const Clock& clock,
                                                       PostgresStoreOptions options = {});
    ~PostgresStore() override;

    Result<std::vector<LedgerEntry>> ledger(std::span<const TopicPartition> partitions,
                                            const Patience& patience = {}) override;
    void prepare(Batch& batch) override;
    Result<Committed> commit(const Batch& batch, const CommitOrder& order = {},
                             const Patience& patience = {}) override;
    Result<> query(const Statement& statement, const RowSink& sink,
                   const Patience& patience = {}) override;
    Result<std::vector<std::int64_t>> transact(std::span<const Statement> statements,
                                               const Patience& patience = {}) override;
    // The server writes each transaction with one process, on one core.
    int commits_at_once() const override { return kCommits; }
    Result<std::unique_ptr<Lease>> acquire_lease(const std::string& holder) override;
    Result<std::optional<std::string>> lease_holder(const Patience& patience = {}) override;
    Result<> ensure_table(const PriceTable& table) override;
    Result<> backup(const std::string& path,
                    const std::function<void(int percent)>& progress) override;

    // What a store that takes over would do to the tables that this one was shown and has left as
    // they are: a sentence for each, with what it costs.
    std::vector<std::string> pending() const;

    // What would keep recorders and loaders from writing, a sentence each, found out by writing and
    // taking it back: postgres_trial.h. None where the tables are still to be made or brought up to
    // date; that the server can be reached and keeps sessions is known then, too.
    Result<std::optional<std::vector<std::string>>> try_writing(std::span<const PriceTable> tables);

    // Deletes rows whose `date` is before `before`; their number. A range of the BRIN on date is
    // read, and nothing is rewritten; autovacuum gives the space to later rows.
    Result<std::int64_t> prune_rows(const PriceTable& table, Timestamp before);

private:
    static constexpr int kCommits = 2;
    class Impl;
    explicit PostgresStore(std::unique_ptr<Impl> impl);
    const std::unique_ptr<Impl> impl_;
};

}  // namespace tapedeck
