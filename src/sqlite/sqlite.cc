#include "sqlite/sqlite.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>

#include "base/system_fault.h"

namespace tapedeck {
namespace {

constexpr std::size_t kCachedStatements = 64;
constexpr std::size_t kSqlShown = 100;
constexpr int kPagesBetweenCheckpoints = 1000;  // SQLite's own default
constexpr std::chrono::seconds kBetweenCheckpoints{10};

// The file's name in a URI.
std::string escaped(std::string_view path) {
    std::string out;
    for (const char c : path) {
        if (c == '%' || c == '?' || c == '#') {
            fmt::format_to(std::back_inserter(out), "%{:02x}", c);
        } else {
            out += c;
        }
    }
    return out;
}

}  // namespace

ErrorKind error_kind_of(int sqlite_code) {
    switch (sqlite_code) {
        case SQLITE_CONSTRAINT_UNIQUE:
        case SQLITE_CONSTRAINT_PRIMARYKEY:
        case SQLITE_CONSTRAINT_ROWID:
            return ErrorKind::conflict;
        // Somebody's trigger refuses, or a column of theirs that nobody fills: that is mended by a
        // person, and hangs on no value.
        case SQLITE_CONSTRAINT_TRIGGER:
        case SQLITE_CONSTRAINT_NOTNULL:
            return ErrorKind::unavailable;
        case SQLITE_IOERR_CORRUPTFS:
        case SQLITE_READONLY_DBMOVED:
            return ErrorKind::corrupt;
        default:
            break;
    }
    switch (sqlite_code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_FULL:
        case SQLITE_READONLY:
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_NOMEM:
        case SQLITE_PROTOCOL:
        case SQLITE_INTERRUPT:
        case SQLITE_ABORT:
        case SQLITE_PERM:
        case SQLITE_NOLFS:
            return ErrorKind::unavailable;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return ErrorKind::corrupt;
        default:
            return ErrorKind::rejected;
    }
}

Query::Query(Query&& other) noexcept
    : database_(other.database_),
      handle_(other.handle_),
      in_use_(other.in_use_),
      bind_failure_(other.bind_failure_) {
    other.handle_ = nullptr;
}

Query::~Query() {
    if (!handle_) return;
    if (!in_use_) {
        sqlite3_finalize(handle_);
        return;
    }
    sqlite3_reset(handle_);
    sqlite3_clear_bindings(handle_);
    *in_use_ = false;
}

Result<bool> Query::step() {
    if (bind_failure_ != SQLITE_OK) {
        return database_->failure(std::exchange(bind_failure_, SQLITE_OK), sqlite3_sql(handle_));
    }
    const int code = sqlite3_step(handle_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        sqlite3_reset(handle_);
        return false;
    }
    Error error =
        database_->failure(sqlite3_extended_errcode(database_->handle()), sqlite3_sql(handle_));
    sqlite3_reset(handle_);
    return error;
}

Result<> Query::run() {
    for (;;) {
        const auto row = step();
        if (!row) return row.error();
        if (!*row) return {};
    }
}

int Query::run_code() {
    if (bind_failure_ != SQLITE_OK) [[unlikely]]
        return std::exchange(bind_failure_, SQLITE_OK);
    int code = sqlite3_step(handle_);
    if (code != SQLITE_DONE) [[unlikely]] {
        if (code != SQLITE_ROW) code = sqlite3_extended_errcode(database_->handle());
    }
    sqlite3_reset(handle_);
    return code;
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path,
                                                 const DatabaseOptions& options) {
    sqlite3* handle = nullptr;
    const int access =
        options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const bool by_uri = !options.parameters.empty();
    const std::string name =
        by_uri ? fmt::format("file:{}?{}", escaped(path), options.parameters) : path;
    const int code = sqlite3_open_v2(
        name.c_str(), &handle,
        access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (by_uri ? SQLITE_OPEN_URI : 0),
        nullptr);
    std::unique_ptr<Database> database(new Database(path, handle));
    if (code != SQLITE_OK) return in_context("opening", database->failure(code, ""));
    sqlite3_busy_timeout(
        handle, static_cast<int>(std::min<std::int64_t>(options.busy_timeout.count(), INT_MAX)));
    return database;
}

Database::~Database() {
    for (auto& [sql, cached] : cache_) {
        TAPEDECK_ASSERT(!cached.in_use);
        sqlite3_finalize(cached.statement);
    }
    // What is in a WAL that is no longer the file's must not be folded into it.
    if (watch_ && watch_->finding()) {
        sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    }
    sqlite3_close(handle_);
}

void Database::watch(FileWatch watch) {
    watch_ = std::move(watch);
    sqlite3_wal_hook(
        handle_,
        [](void* self, sqlite3*, const char*, int pages) {
            return static_cast<Database*>(self)->after_commit(pages);
        },
        this);
}

// What SQLite calls after each commit in place of its own checkpoints.
int Database::after_commit(int wal_pages) {
    if (auto finding = watch_->finding()) {
        unreported_ = *std::move(finding);
        return SQLITE_READONLY_DBMOVED;
    }
    const auto now = std::chrono::steady_clock::now();
    if (wal_pages >= kPagesBetweenCheckpoints || now - checkpointed_ >= kBetweenCheckpoints) {
        checkpointed_ = now;
        // Where it cannot be done now, a later commit does it.
        sqlite3_wal_checkpoint_v2(handle_, "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    }
    return SQLITE_OK;
}

Result<> Database::check_watch() const {
    if (!watch_) return {};
    if (auto finding = watch_->finding()) return *std::move(finding);
    return {};
}

Error Database::failure(int code, std::string_view sql) const {
    if (unreported_) {
        // SQLite's own code says nothing then ("SQL logic error").
        Error error = *std::move(unreported_);
        unreported_.reset();
        return error;
    }
    const bool last = handle_ && (sqlite3_extended_errcode(handle_) & 0xff) == (code & 0xff);
    std::string what =
        fmt::format("{}: {}", path_, last ? sqlite3_errmsg(handle_) : sqlite3_errstr(code & 0xff));
    const int primary = code & 0xff;
    const int system = handle_ ? sqlite3_system_errno(handle_) : 0;
    if (system != 0 && (primary == SQLITE_CANTOPEN || primary == SQLITE_IOERR)) {
        what += ": " + system_fault(system);
    }
    // The words for a code are few ("disk I/O error" is 30 different things): give the number too.
    fmt::format_to(std::back_inserter(what), " (SQLite code {})", code);
    const auto start = sql.find_first_not_of(" \n");
    if (start != std::string_view::npos) {
        const std::string_view shown = sql.substr(start, kSqlShown);
        fmt::format_to(std::back_inserter(what), " in: {}{}", shown,
                       sql.size() - start > kSqlShown ? "…" : "");
    }
    return {error_kind_of(code), std::move(what)};
}

Result<> Database::execute(const std::string& sql) {
    const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return failure(code, sql);
    return {};
}

Result<sqlite3_stmt*> Database::compile(std::string_view sql, unsigned flags) {
    sqlite3_stmt* statement = nullptr;
    const char* rest = nullptr;
    const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), flags,
                                        &statement, &rest);
    if (code != SQLITE_OK) return failure(code, sql);
    const std::string_view left(rest, static_cast<std::size_t>(sql.data() + sql.size() - rest));
    if (!statement || left.find_first_not_of(" \n\t;") != std::string_view::npos) {
        sqlite3_finalize(statement);
        return Error{ErrorKind::rejected, fmt::format("{}: not one statement: {}", path_, sql)};
    }
    return statement;
}

Result<Query> Database::prepare(std::string_view sql) {
    auto found = cache_.find(sql);
    if (found == cache_.end() && cache_.size() >= kCachedStatements) {
        std::erase_if(cache_, [](auto& entry) {
            if (!entry.second.in_use) sqlite3_finalize(entry.second.statement);
            return !entry.second.in_use;
        });
    }
    if (found != cache_.end() && found->second.in_use) {
        auto extra = compile(sql, 0);
        if (!extra) return extra.error();
        return Query(*this, *extra, nullptr);
    }
    if (found == cache_.end()) {
        auto statement = compile(sql, SQLITE_PREPARE_PERSISTENT);
        if (!statement) return statement.error();
        found = cache_.emplace(std::string(sql), Cached{*statement, false}).first;
    }
    found->second.in_use = true;
    return Query(*this, found->second.statement, &found->second.in_use);
}

Result<std::optional<std::int64_t>> Database::integer(std::string_view sql) {
    auto query = prepare(sql);
    if (!query) return query.error();
    const auto row = query->step();
    if (!row) return row.error();
    if (!*row || query->is_null(0)) return std::optional<std::int64_t>();
    return std::optional(query->integer(0));
}

Result<Transaction> Transaction::begin(Database& database) {
    TAPEDECK_ASSERT(!database.in_transaction());
    auto query = database.prepare("begin immediate");
    if (!query) return query.error();
    if (auto done = query->run(); !done) return done.error();
    return Transaction(database);
}

Transaction::~Transaction() {
    // SQLite ends the transaction itself after some errors (a full disk, for one).
    if (!database_ || !database_->in_transaction()) return;
    sqlite3_exec(database_->handle(), "rollback", nullptr, nullptr, nullptr);
}

Result<> Transaction::commit() {
    auto query = database_->prepare("commit");
    if (!query) return query.error();
    if (auto done = query->run(); !done) return done.error();
    database_ = nullptr;
    return {};
}

}  // namespace tapedeck
