#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/patience.h"
#include "config/urls.h"
#include "store/store.h"

namespace tapedeck {

// What an SQLSTATE asks of the caller (PostgreSQL 15 manual, appendix A): away, full, locked,
// cancelled, in recovery and failed serializations are `unavailable`, a broken key `conflict`,
// damaged pages `corrupt`, everything else `rejected`.
ErrorKind error_kind_of_sqlstate(std::string_view sqlstate);

// Whether a person mends what refuses the rows, whichever they are: a right that is missing, a
// trigger that raises, a column that must be filled and is none of tapedeck's. Of one that is, a
// batch knows first.
bool hangs_on_no_value(std::string_view sqlstate);

struct ClearResult {
    void operator()(PGresult* result) const { PQclear(result); }
};
using PostgresResult = std::unique_ptr<PGresult, ClearResult>;

struct ConnectionSettings {
    std::string application_name;  // its first 63 bytes are kept
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::milliseconds lock_timeout{0};       // 0: none
    std::chrono::milliseconds statement_timeout{0};  // 0: none; also how long an answer may take
    bool reads_only = false;
};

// A connection to PostgreSQL: UTF-8, times in UTC. Every wait is a poll with a limit, so that a
// server that stops answering is an error and not a thread lost. One thread at a time. A broken
// connection stays broken: its owner opens another. No text of an error holds the password.
class PostgresConnection {
public:
    // `unavailable` where nobody answers; `rejected` where the server refuses who we are or has no
    // such database, or where its certificate is not the expected one.
    static Result<std::unique_ptr<PostgresConnection>> open(const PostgresUrl& url,
                                                            const ConnectionSettings& settings);
    ~PostgresConnection();
    PostgresConnection(const PostgresConnection&) = delete;
    PostgresConnection& operator=(const PostgresConnection&) = delete;

    // Nothing is under way, and the connection has not been seen to break.
    bool usable() const;
    // Asks the socket too: false where the other side has gone.
    bool alive();
    // Ends what is under way by a rollback; drops what was to come. Usable afterwards, or broken.
    void reset();

    // Runs the statements of `sql` (the simple protocol), to the end or to the first error.
    Result<> execute(const std::string& sql);
    // One statement with parameters $1, $2, …; an answer in the binary format.
    Result<PostgresResult> run(const std::string& sql, std::span<const Value> values);

    // The steps of the above, for COPY and for answers row by row.
    Result<> send(const std::string& sql);
    Result<> send(const std::string& sql, std::span<const Value> values);
    Result<PostgresResult> next();  // empty where the answer is complete; an error stays in line
    Result<> copy(std::string_view bytes);
    // `refusal`, where given, makes the server fail the COPY.
    Result<> end_copy(const char* refusal = nullptr);
    Result<> drain();  // the first error of what is left of the answer

    // How long each wait from now on may take; the longest is what the settings say.
    void be_patient(const Patience& patience);
    // A wait came to its limit: the server may be working at it still.
    bool has_given_up() const { return gave_up_; }

    void cancel();  // asks the server to end what is under way; its error comes as an answer

    // `stalled` is called on this thread where an answer takes longer than `after`, and again
    // after each further such time.
    void watch(std::chrono::milliseconds after, std::function<void()> stalled) {
        watch_after_ = after;
        stalled_ = std::move(stalled);
    }

    // Of the last error that the server sent; empty where the connection itself failed.
    const std::string& sqlstate() const { return sqlstate_; }
    // That the last failure was about; empty where it was about none.
    const std::string& column() const { return column_; }
    const std::string& constraint() const { return constraint_; }
    int backend_pid() const { return PQbackendPID(handle_); }
    PGconn* handle() const { return handle_; }
    // "host:port/database", for people.
    const std::string& place() const { return place_; }

private:
    class Wakening;
    PostgresConnection(PGconn* handle, std::chrono::milliseconds longest);
    Result<> wait(short events);
    Error given_up(std::chrono::milliseconds limit, bool stopped);
    Result<> flush();
    Error lost(std::string_view doing);
    Error failure(const PGresult* result);

    PGconn* handle_;
    const std::chrono::milliseconds longest_;  // 0: without end
    std::chrono::milliseconds limit_{0};       // 0: without end
    std::unique_ptr<Wakening> wakening_;       // by a stop token; none where nobody stops
    bool gave_up_ = false;
    std::string place_;
    std::string password_;  // to keep it out of what the library says
    std::string sqlstate_;
    std::string column_;
    std::string constraint_;
    bool broken_ = false;
    std::chrono::milliseconds watch_after_{0};
    std::function<void()> stalled_;
};

// A text as an SQL literal; zero bytes, which no text of PostgreSQL's holds, are left out.
void append_literal(std::string& sql, std::string_view text);
std::string literal(std::string_view text);

}  // namespace tapedeck
