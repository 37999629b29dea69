#include "sqlite/sqlite_file.h"

#include <fmt/format.h>

#include "base/mutex.h"
#include "sqlite/sqlite_checks.h"

namespace tapedeck {
namespace {

constexpr int kWalTries = 50;

constexpr std::string_view kVersionTable =
    "create table if not exists schema_version ("
    " part text not null, version integer not null, at integer not null,"
    " primary key (part, version)) strict, without rowid";

Result<> migrate(Database& database, const SchemaPart& part, const Clock& clock) {
    const auto before = version_of(database, part.name);
    if (!before) return before.error();
    if (*before == static_cast<int>(part.steps.size())) return {};
    auto transaction = Transaction::begin(database);
    if (!transaction) return transaction.error();
    // Somebody else may have been quicker since.
    const auto version = version_of(database, part.name);
    if (!version) return version.error();
    auto done = database.execute(fmt::format("pragma application_id = {}", kApplicationId));
    if (!done) return done;
    if (done = database.execute(std::string(kVersionTable)); !done) return done;
    for (auto i = static_cast<std::size_t>(*version); i < part.steps.size(); ++i) {
        if (done = database.execute(std::string(part.steps[i])); !done) return done;
        auto note = database.prepare("insert into schema_version values (?1, ?2, ?3)");
        if (!note) return note.error();
        note->bind(1, part.name);
        note->bind(2, static_cast<std::int64_t>(i + 1));
        note->bind(3, clock.now());
        if (done = note->run(); !done) return done;
    }
    return transaction->commit();
}

// SQLite does not wait for others when it changes the mode, so two programs that make one file at
// the same moment try again here.
Result<> use_wal(Database& database) {
    for (int tries = 1;; ++tries) {
        auto query = database.prepare("pragma journal_mode = wal");
        if (!query) return query.error();
        const auto row = query->step();
        if (row) return {};
        if (!retryable(row.error().kind) || tries == kWalTries) return row.error();
        sqlite3_sleep(20);
    }
}

// Those who may read the file but write nothing beside it need the WAL and its index to be there.
void keep_wal(Database& database) {
    int on = 1;
    sqlite3_file_control(database.handle(), "main", SQLITE_FCNTL_PERSIST_WAL, &on);
}

}  // namespace

Result<std::unique_ptr<Database>> open_file(const std::string& path, const SchemaPart& part,
                                            const Clock& clock, const FileOptions& options) {
    const bool memory = path == ":memory:";
    if (!memory) {
        if (auto regular = check_regular(path); !regular) return regular.error();
    }
    auto database = Database::open(path, {false, options.busy_timeout});
    if (!database) return database;
    // Until the file is known to be ours, closing it must not fold its WAL into it either.
    const auto checkpoint_on_close = [&](int off) {
        sqlite3_db_config((*database)->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, off, nullptr);
    };
    checkpoint_on_close(1);
    if (!memory) {
        if (auto known = inspect(**database); !known) return known.error();
    }
    if (sqlite3_db_readonly((*database)->handle(), "main") == 1) {
        return Error{ErrorKind::unavailable, path + ": can only be read, not written"};
    }
    if (auto ours = check_ours(**database, part); !ours) return ours.error();
    checkpoint_on_close(0);
    if (options.shrinks) {
        // Without effect on a file that has tables.
        auto done = (*database)->execute("pragma auto_vacuum = incremental");
        if (!done) return done.error();
    }
    if (!memory) {
        if (auto done = use_wal(**database); !done) return done.error();
        keep_wal(**database);
    }
    auto done = (*database)->execute(fmt::format(
        "pragma synchronous = {}; pragma journal_size_limit = 67108864; pragma temp_store = memory",
        options.every_commit_synced ? "full" : "normal"));
    if (!done) return done.error();
    if (done = migrate(**database, part, clock); !done) {
        return in_context("making the tables", done.error());
    }
    if (!memory) (*database)->watch(FileWatch::of_database(path));
    return database;
}

bool WriteGate::enter(const std::optional<Patience>& patience) {
    Lock lock(mutex_);
    const std::uint64_t ticket = next_ticket_++;
    const auto place = queue_.insert(queue_.end(), ticket);
    const auto is_first = [&]() TAPEDECK_REQUIRES(mutex_) { return queue_.front() == ticket; };
    if (!patience) {
        changed_.wait(lock, is_first);
        return true;
    }
    if (changed_.wait_for(lock, patience->stop, patience->limit, is_first)) return true;
    // Stopped, the one who waits has a last moment; out of time, none.
    if (patience->stop.stop_requested() &&
        changed_.wait_for(lock, std::min(patience->limit, kLastPatience), is_first)) {
        return true;
    }
    queue_.erase(place);
    return false;
}

void WriteGate::leave() {
    const Lock lock(mutex_);
    queue_.pop_front();
    changed_.notify_all();
}

}  // namespace tapedeck
