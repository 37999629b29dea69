#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "sqlite/sqlite_looking.h"
#include "store/store.h"

namespace tapedeck {

// Statements that the store shall run, in an SQLite file of its own on this machine: what the
// schedule decides is durable before it is carried out, whatever the store is doing. One thread
// appends and one replays; neither waits for what the other does elsewhere.
class StatementJournal {
public:
    // Makes the file where it is missing. `clock` must outlive it.
    static Result<std::unique_ptr<StatementJournal>> open(const std::string& path,
                                                          const Clock& clock);

    // To be read only, as look_at has it.
    static Result<std::unique_ptr<StatementJournal>> open_looking(const std::string& path,
                                                                  const Clock& clock,
                                                                  const LookOptions& options);

    // Keeps the statements of one transaction; synced when it returns.
    Result<> append(std::span<const Statement> statements);

    Result<bool> empty();

    // When the oldest of what is kept was appended; none where nothing is.
    Result<std::optional<Timestamp>> oldest_since();

    // Runs what is kept in its order, each append as one transaction, and forgets it. What the
    // store has already (it broke after its commit, or a crash before this forgot it) is passed
    // over: a statement that is a `conflict` counts as done, unless the lease is lost. Other errors
    // are the store's: the rest stays.
    Result<> replay(Store& store);

private:
    explicit StatementJournal(std::unique_ptr<Database> database, const Clock& clock)
        : database_(std::move(database)), clock_(clock) {}

    Result<std::vector<Statement>> oldest(std::int64_t& entry);
    Result<> forget(std::int64_t entry);

    Mutex mutex_;
    const std::unique_ptr<Database> database_ TAPEDECK_POINTEE_GUARDED_BY(mutex_);
    const Clock& clock_;
};

}  // namespace tapedeck
