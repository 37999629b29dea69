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
#include "store/postgres/postgres_connect.h"
#include "store/store.h"

namespace tapedeck {

// What an SQLSTATE asks of the caller (PostgreSQL 15 manual, appendix A): away, full, locked,
// cancelled, in recovery and failed serializations are `unavailable`, a broken key `conflict`,
// damaged pages `corrupt`, everything else `rejected`.
ErrorKind error_kind_of_sqlstate(std::string_view sqlstate);

// Whether a person mends in the database what it refuses, whichever the rows or values are: a
// right, a table or a column that is missing, a trigger that raises, a constraint of somebody's, a
// column that must be filled and is none of tapedeck's, an encoding that has no such letter. Of a
// row that is to blame for its own refusal, a batch knows first.
bool is_for_a_person(std::string_view sqlstate);

struct ClearResult {
    void operator()(PGresult* result) const { PQclear(result); }
};
using PostgresResult = std::unique_ptr<PGresult, ClearResult>;

// A connection to PostgreSQL: UTF-8, times in UTC. Every wait is a poll with a limit, so that a
// server that stops answering is an error and not a thread lost. One thread at a time. A broken
// connection stays broken: its owner opens another. No text of an error holds the password.
class PostgresConnection {
public:
    // Errors as connect_to. Also `unavailable` where a pooler lends its connections by the
    // transaction, if the settings ask for that: what a session has set would be another's.
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
    // The server's own number of our session; a pooler in between has others.
    int backend_pid() const { return backend_pid_; }
    PGconn* handle() const { return handle_.get(); }
    // "host:port/database", for people.
    const std::string& place() const { return place_; }

private:
    PostgresConnection(PostgresHandle handle, const PostgresUrl& url,
                       std::chrono::milliseconds longest);
    Result<> set_up(const ConnectionSettings& settings);
    Result<std::int64_t> ask_backend_pid();
    Result<> check_pooler(const PostgresUrl& url, const ConnectionSettings& settings);
    Result<> wait(short events);
    Error given_up(std::chrono::milliseconds limit, bool stopped);
    Result<> flush();
    Error lost(std::string_view doing);
    Error failure(const PGresult* result);

    const PostgresHandle handle_;
    const std::chrono::milliseconds longest_;  // 0: without end
    std::chrono::milliseconds limit_{0};       // 0: without end
    std::unique_ptr<Wakening> wakening_;       // by a stop token; none where nobody stops
    bool gave_up_ = false;
    int backend_pid_ = 0;
    const std::string place_;
    const std::string password_;  // to keep it out of what the library says
    std::string sqlstate_;
    std::string column_;
    std::string constraint_;
    bool broken_ = false;
    std::chrono::milliseconds watch_after_{0};
    std::function<void()> stalled_;
};

// Where connections lead to, and with which password at the moment of each.
class PostgresAddress {
public:
    // `password`, where given, is asked before each connection: it may have been rotated.
    explicit PostgresAddress(PostgresUrl url, std::function<Result<Secret>()> password = {})
        : url_(std::move(url)), password_(std::move(password)) {}

    Result<PostgresUrl> url() const;
    const std::string& database() const { return url_.database; }
    Result<std::unique_ptr<PostgresConnection>> open(const ConnectionSettings& settings) const;

private:
    const PostgresUrl url_;
    const std::function<Result<Secret>()> password_;
};

// A text as an SQL literal; zero bytes, which no text of PostgreSQL's holds, are left out.
void append_literal(std::string& sql, std::string_view text);
std::string literal(std::string_view text);

}  // namespace tapedeck
