#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "sqlite/file_watch.h"

namespace tapedeck {

class Database;

// What an SQLite result code asks of the caller: full, busy, locked, read-only and I/O errors are
// `unavailable`, a broken key `conflict`, other constraints and mistakes in SQL `rejected`, a
// damaged file `corrupt` (sqlite.org/rescode.html).
ErrorKind error_kind_of(int sqlite_code);

// A prepared statement in use; given back to its Database, reset and without values, when
// destroyed. Parameters count from 1, columns from 0. Bound texts and blobs are borrowed until the
// next `step` has returned or they are bound anew. One thread, that of its Database.
class Query {
public:
    Query(Query&& other) noexcept;
    Query& operator=(Query&&) = delete;
    ~Query();

    void bind(int index, std::int64_t value) { note(sqlite3_bind_int64(handle_, index, value)); }
    void bind(int index, std::string_view text) {
        note(sqlite3_bind_text64(handle_, index, text.empty() ? "" : text.data(), text.size(),
                                 SQLITE_STATIC, SQLITE_UTF8));
    }
    void bind(int index, Timestamp time) { bind(index, time.time_since_epoch().count()); }
    void bind_blob(int index, std::string_view bytes) {
        note(sqlite3_bind_blob64(handle_, index, bytes.empty() ? "" : bytes.data(), bytes.size(),
                                 SQLITE_STATIC));
    }
    void bind_null(int index) { note(sqlite3_bind_null(handle_, index)); }
    // NULL where the text is empty, or the time missing.
    void bind_or_null(int index, std::string_view text) {
        text.empty() ? bind_null(index) : bind(index, text);
    }
    void bind_or_null(int index, const std::optional<Timestamp>& time) {
        time ? bind(index, *time) : bind_null(index);
    }

    // True: a row stands ready. False: done, and ready to run again with the same values.
    Result<bool> step();
    // Runs to the end; rows are passed over.
    Result<> run();
    // As `run`, for the hot path: SQLite's code (SQLITE_DONE when well), nothing built.
    int run_code();
    void reset() { sqlite3_reset(handle_); }

    bool is_null(int column) const { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }
    std::int64_t integer(int column) const { return sqlite3_column_int64(handle_, column); }
    Timestamp timestamp(int column) const {
        return Timestamp(std::chrono::microseconds(integer(column)));
    }
    // The bytes of a text or blob, valid until the next step; empty for NULL.
    std::string_view bytes(int column) const {
        const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_, column));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_, column));
        return data ? std::string_view(data, size) : std::string_view();
    }
    std::string text(int column) const { return std::string(bytes(column)); }

    sqlite3_stmt* handle() const { return handle_; }

private:
    friend class Database;
    Query(Database& database, sqlite3_stmt* handle, bool* in_use)
        : database_(&database), handle_(handle), in_use_(in_use) {}
    void note(int code) {
        if (code != SQLITE_OK) [[unlikely]]
            bind_failure_ = code;
    }

    Database* database_;
    sqlite3_stmt* handle_;
    bool* in_use_;  // of the cache; null: not from the cache
    int bind_failure_ = SQLITE_OK;
};

struct DatabaseOptions {
    bool read_only = false;
    std::chrono::milliseconds busy_timeout{5'000};  // how long to wait for another writer
    std::string parameters{};  // of the URI, such as "immutable=1" (sqlite.org/uri.html)
};

// One connection to an SQLite file, or to ":memory:". Errors name the file, SQLite's own words and
// the statement. Not safe for two threads at once: its owner locks.
class Database {
public:
    // Opens the file, made where it is missing unless read-only. Sets nothing but the time-out.
    static Result<std::unique_ptr<Database>> open(const std::string& path,
                                                  const DatabaseOptions& options);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // Runs statements that take no values, separated by semicolons.
    Result<> execute(const std::string& sql);
    // The statement, from a cache of the texts prepared before. Must not outlive this object.
    Result<Query> prepare(std::string_view sql);
    // One integer: the first column of the first row, nothing where there is no row.
    Result<std::optional<std::int64_t>> integer(std::string_view sql);

    bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }
    // Rows changed by all statements so far.
    std::int64_t total_changes() const { return sqlite3_total_changes64(handle_); }

    // From now on a commit is reported only if the files of `watch` are what they were: else its
    // statement fails with what was found, though the files as they were opened have it.
    // Checkpoints follow the commits, as they do by default, but never after such a finding.
    void watch(FileWatch watch);
    // `corrupt` where a watched file is another one or changed; well where none is watched.
    Result<> check_watch() const;

    Error failure(int code, std::string_view sql) const;
    const std::string& path() const { return path_; }
    sqlite3* handle() const { return handle_; }

private:
    struct Cached {
        sqlite3_stmt* statement = nullptr;
        bool in_use = false;
    };
    Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}
    Result<sqlite3_stmt*> compile(std::string_view sql, unsigned flags);
    int after_commit(int wal_pages);

    const std::string path_;
    sqlite3* const handle_;
    std::optional<FileWatch> watch_;
    std::chrono::steady_clock::time_point checkpointed_{};  // when this connection last did it
    mutable std::optional<Error> unreported_;               // what made a commit fail that was done
    std::map<std::string, Cached, std::less<>> cache_;
};

// A writing transaction: waits for other writers when it begins, and is rolled back by its
// destructor unless `commit` succeeded.
class Transaction {
public:
    static Result<Transaction> begin(Database& database);
    Transaction(Transaction&& other) noexcept : database_(other.database_) {
        other.database_ = nullptr;
    }
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();

    Result<> commit();

private:
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
};

}  // namespace tapedeck
