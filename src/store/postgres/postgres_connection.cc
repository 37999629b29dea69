#include "store/postgres/postgres_connection.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/assert.h"
#include "store/postgres/postgres_rows.h"
#include "store/postgres/postgres_values.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kBeyondTimeout = 10s;  // the server's own time-out comes first
constexpr int kPoolerQuestions = 3;

std::string text_or_nothing(const char* text) { return text == nullptr ? "" : text; }

// Notices are for psql's users. But a session that is ended while nothing is under way says so in
// the same way, before its line is closed.
void take_notice(void* broken, const PGresult* notice) {
    const std::string severity =
        text_or_nothing(PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED));
    if (severity == "FATAL" || severity == "PANIC") *static_cast<bool*>(broken) = true;
}

std::string place_of(PGconn* handle) {
    return fmt::format("{}:{}/{}", text_or_nothing(PQhost(handle)), text_or_nothing(PQport(handle)),
                       text_or_nothing(PQdb(handle)));
}

}  // namespace

ErrorKind error_kind_of_sqlstate(std::string_view sqlstate) {
    if (sqlstate.empty()) return ErrorKind::unavailable;
    const std::string_view kind = sqlstate.substr(0, 2);
    if (sqlstate == "23505") return ErrorKind::conflict;
    if (sqlstate == "XX001" || sqlstate == "XX002") return ErrorKind::corrupt;
    constexpr std::array<std::string_view, 3> kAwayClasses = {"08", "53", "57"};
    constexpr std::array<std::string_view, 7> kAway = {"40001", "40P01", "55P03", "55006",
                                                       "25006", "25P03", "58030"};
    if (std::ranges::find(kAwayClasses, kind) != kAwayClasses.end() ||
        std::ranges::find(kAway, sqlstate) != kAway.end()) {
        return ErrorKind::unavailable;
    }
    return ErrorKind::rejected;
}

bool is_for_a_person(std::string_view sqlstate) {
    if (error_kind_of_sqlstate(sqlstate) != ErrorKind::rejected) return false;
    if (sqlstate == "22P05") return true;  // no such letter in the database's encoding
    return !sqlstate.starts_with("22") && sqlstate != "42601" && sqlstate != "54000";
}

PostgresConnection::PostgresConnection(PostgresHandle handle, const PostgresUrl& url,
                                       std::chrono::milliseconds longest)
    : handle_(std::move(handle)),
      longest_(longest),
      limit_(longest),
      place_(place_of(handle_.get())),
      password_(url.password.reveal()) {
    PQsetNoticeReceiver(handle_.get(), take_notice, &broken_);
}

Result<std::unique_ptr<PostgresConnection>> PostgresConnection::open(
    const PostgresUrl& url, const ConnectionSettings& settings) {
    auto handle = connect_to(url, settings);
    if (!handle) return handle.error();
    const auto longest = settings.statement_timeout > 0ms
                             ? settings.statement_timeout + kBeyondTimeout
                             : std::chrono::milliseconds(0);
    std::unique_ptr<PostgresConnection> connection(
        new PostgresConnection(*std::move(handle), url, longest));
    if (PQsetnonblocking(connection->handle(), 1) != 0) return connection->lost("connecting");
    // A pooler lets everybody in, and has its clients wait for the first answer.
    connection->be_patient({settings.connect_timeout, settings.stop});
    auto done = settings.checks_pooler ? connection->check_pooler(url, settings) : Result<>();
    if (done) done = connection->set_up(settings);
    if (!done && connection->has_given_up()) {
        Error error = done.error();
        error.what += ": the server is stopped, or a pooler before it has no connection free";
        return error;
    }
    if (!done) return done.error();
    connection->be_patient({longest, {}});
    return connection;
}

Result<> PostgresConnection::set_up(const ConnectionSettings& settings) {
    auto sent = send(fmt::format(
        "set timezone = 'UTC'; set standard_conforming_strings = on; set datestyle = 'ISO';"
        " set tcp_keepalives_idle = 15; set tcp_keepalives_interval = 5;"
        " set tcp_keepalives_count = 4; set lock_timeout = {}; set statement_timeout = {};"
        " set idle_in_transaction_session_timeout = {};"
        " set default_transaction_read_only = {};"
        " select set_config('synchronous_commit', 'on', false)"
        " where current_setting('synchronous_commit') = 'off'; select pg_backend_pid()",
        settings.lock_timeout.count(), settings.statement_timeout.count(),
        settings.statement_timeout.count(), settings.reads_only ? "on" : "default"));
    if (!sent) return sent;
    for (;;) {
        auto result = next();
        if (!result) return result.error();
        if (!*result) return {};
        if (PQntuples(result->get()) == 0) continue;
        backend_pid_ = std::atoi(PQgetvalue(result->get(), 0, 0));  // the last one's
    }
}

Result<std::int64_t> PostgresConnection::ask_backend_pid() {
    const auto found = run("select pg_backend_pid()", {});
    if (!found) return found.error();
    return PostgresRow(found->get(), 0).integer(0);
}

// A second connection holds a transaction open on whatever session it was lent; is that ours, or
// are we lent others meanwhile, then nothing that a session keeps is kept for us.
Result<> PostgresConnection::check_pooler(const PostgresUrl& url,
                                          const ConnectionSettings& settings) {
    const auto own = ask_backend_pid();
    if (!own) return own.error();
    if (*own == PQbackendPID(handle_.get())) return {};  // nothing stands in between
    auto handle = connect_to(url, settings);
    if (!handle) return handle.error();
    PostgresConnection other(*std::move(handle), url, 0ms);
    if (PQsetnonblocking(other.handle(), 1) != 0) return other.lost("connecting");
    other.be_patient({settings.connect_timeout, settings.stop});
    const Error by_transaction{
        ErrorKind::unavailable,
        fmt::format(
            "{}: a pooler lends connections by the transaction or the statement: settings, "
            "locks and the lease of a session would be others'; tapedeck needs it to work by "
            "session (PgBouncer: pool_mode = session)",
            place_)};
    if (auto begun = other.execute("begin"); !begun) {
        gave_up_ = other.gave_up_;
        const bool by_statement = begun.error().what.find("pooling mode") != std::string::npos;
        return by_statement ? by_transaction : begun.error();
    }
    const auto held = other.ask_backend_pid();
    if (!held) return held.error();
    if (*held == *own) return by_transaction;
    for (int i = 0; i < kPoolerQuestions; ++i) {
        const auto pid = ask_backend_pid();
        if (!pid) return pid.error();
        if (*pid != *own) return by_transaction;
    }
    return {};
}

PostgresConnection::~PostgresConnection() = default;

bool PostgresConnection::usable() const {
    return !broken_ && PQstatus(handle_.get()) == CONNECTION_OK &&
           PQtransactionStatus(handle_.get()) == PQTRANS_IDLE;
}

bool PostgresConnection::alive() {
    if (broken_ || PQstatus(handle_.get()) != CONNECTION_OK) return false;
    // What came without being asked for is a notice, or a last word with the end behind it.
    constexpr int kMostNotices = 100;
    for (int i = 0; i < kMostNotices; ++i) {
        pollfd one{PQsocket(handle_.get()), POLLIN, 0};
        const int ready = ::poll(&one, 1, 0);
        if (ready == 0) return true;
        if (ready < 0 || PQconsumeInput(handle_.get()) == 0 || PQisBusy(handle_.get()) != 0)
            broken_ = true;
        if (broken_ || PQstatus(handle_.get()) != CONNECTION_OK) return false;
    }
    return false;
}

void PostgresConnection::reset() {
    if (broken_ || PQstatus(handle_.get()) != CONNECTION_OK) return;
    const std::string kept = sqlstate_;
    auto done = drain();
    if (PQtransactionStatus(handle_.get()) != PQTRANS_IDLE) done = execute("rollback");
    if (!usable()) broken_ = true;
    sqlstate_ = kept;
}

Error PostgresConnection::lost(std::string_view doing) {
    broken_ = true;
    sqlstate_.clear();
    const std::string text = words_of(PQerrorMessage(handle_.get()), password_);
    return {ErrorKind::unavailable,
            fmt::format("{}: {}: {}", place_, doing, text.empty() ? "no answer" : text)};
}

Error PostgresConnection::failure(const PGresult* result) {
    sqlstate_ = text_or_nothing(PQresultErrorField(result, PG_DIAG_SQLSTATE));
    column_ = text_or_nothing(PQresultErrorField(result, PG_DIAG_COLUMN_NAME));
    constraint_ = text_or_nothing(PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME));
    std::string text = text_or_nothing(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    if (text.empty()) text = words_of(PQresultErrorMessage(result), password_);
    const std::string detail = text_or_nothing(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
    if (!detail.empty()) text += ": " + detail;
    // What somebody's trigger says may name nothing: its place does.
    const std::string context = text_or_nothing(PQresultErrorField(result, PG_DIAG_CONTEXT));
    if (context.find("function") != context.npos) text += ": " + context;
    // The session is over after these, whatever the library has seen of it yet; and who writes to a
    // server that has become a standby finds the one to write to by connecting anew.
    if (sqlstate_.empty() || sqlstate_.starts_with("57P") || sqlstate_ == "25006") broken_ = true;
    return {error_kind_of_sqlstate(sqlstate_),
            fmt::format("{}: {}{}", place_, words_of(text.c_str(), password_),
                        sqlstate_.empty() ? "" : " (" + sqlstate_ + ")")};
}

void PostgresConnection::be_patient(const Patience& patience) {
    limit_ = longest_ > 0ms ? std::min(longest_, patience.limit) : patience.limit;
    wakening_ = patience.stop.stop_possible() ? std::make_unique<Wakening>(patience.stop) : nullptr;
}

Error PostgresConnection::given_up(std::chrono::milliseconds limit, bool stopped) {
    Error error = lost("waiting");
    gave_up_ = true;
    error.what = stopped ? fmt::format("{}: no answer, and the program was asked to stop", place_)
                         : fmt::format("{}: no answer within {}", place_, format_duration(limit));
    return error;
}

Result<> PostgresConnection::wait(short events) {
    WaitLimit limit(limit_, wakening_.get());
    auto told = SteadyClock::now();
    for (;;) {
        if (limit.is_over()) return given_up(limit_, limit.is_stopped());
        const bool watches = stalled_ && watch_after_ > 0ms;
        const auto next = watches ? told + watch_after_ : SteadyClock::time_point::max();
        if (limit.poll(PQsocket(handle_.get()), events, next)) return {};
        if (watches && SteadyClock::now() - told >= watch_after_) {
            told = SteadyClock::now();
            stalled_();
        }
    }
}

Result<> PostgresConnection::flush() {
    for (;;) {
        const int left = PQflush(handle_.get());
        if (left == 0) return {};
        if (left < 0) return lost("sending");
        if (auto ready = wait(POLLIN | POLLOUT); !ready) return ready;
        // The server may be sending an error meanwhile, and would wait for us to read it.
        if (PQconsumeInput(handle_.get()) == 0) return lost("sending");
    }
}

Result<> PostgresConnection::send(const std::string& sql) {
    TAPEDECK_ASSERT(sql.find('\0') == sql.npos);
    sqlstate_.clear();
    if (broken_ || PQsendQuery(handle_.get(), sql.c_str()) == 0) return lost("sending");
    return flush();
}

Result<> PostgresConnection::send(const std::string& sql, std::span<const Value> values) {
    const BoundValues bound(values);
    sqlstate_.clear();
    if (broken_ || PQsendQueryParams(handle_.get(), sql.c_str(), bound.count(), bound.types(),
                                     bound.values(), bound.lengths(), bound.formats(), 1) == 0) {
        return lost("sending");
    }
    return flush();
}

Result<PostgresResult> PostgresConnection::next() {
    while (PQisBusy(handle_.get()) != 0) {
        if (auto ready = wait(POLLIN); !ready) return ready.error();
        if (PQconsumeInput(handle_.get()) == 0) {
            // A last word of the server's may have come before the end.
            PostgresResult last(PQgetResult(handle_.get()));
            if (last && PQresultErrorField(last.get(), PG_DIAG_SQLSTATE) != nullptr) {
                Error error = failure(last.get());
                broken_ = true;
                return error;
            }
            return lost("reading");
        }
    }
    PostgresResult result(PQgetResult(handle_.get()));
    if (!result) return result;
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) return failure(result.get());
    return result;
}

Result<> PostgresConnection::drain() {
    Result<> first;
    while (!broken_) {
        auto result = next();
        if (!result) {
            if (first) first = result.error();
            continue;
        }
        if (!*result) break;
        const ExecStatusType status = PQresultStatus(result->get());
        if (status == PGRES_COPY_IN) {
            if (auto ended = end_copy("given up"); !ended && first) first = ended;
        } else if (status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            return lost("an answer that was not asked for");  // its bytes would have to be read
        }
    }
    return first;
}

Result<> PostgresConnection::copy(std::string_view bytes) {
    constexpr std::size_t kPiece = 256 * 1024;
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, kPiece);
        const int put = PQputCopyData(handle_.get(), piece.data(), static_cast<int>(piece.size()));
        if (put < 0) return lost("copying");
        if (auto sent = flush(); !sent) return sent;
        if (put == 0) continue;
        bytes.remove_prefix(piece.size());
    }
    return {};
}

Result<> PostgresConnection::end_copy(const char* refusal) {
    for (;;) {
        const int put = PQputCopyEnd(handle_.get(), refusal);
        if (put < 0) return lost("copying");
        if (auto sent = flush(); !sent) return sent;
        if (put > 0) return {};
    }
}

Result<> PostgresConnection::execute(const std::string& sql) {
    if (auto sent = send(sql); !sent) return sent;
    return drain();
}

Result<PostgresResult> PostgresConnection::run(const std::string& sql,
                                               std::span<const Value> values) {
    if (auto sent = send(sql, values); !sent) return sent.error();
    auto result = next();
    if (auto rest = drain(); !rest && result) return rest.error();
    if (result && !*result) return lost("reading");
    return result;
}

void PostgresConnection::cancel() {
    PGcancel* request = PQgetCancel(handle_.get());
    if (request == nullptr) return;
    std::array<char, 256> reason{};
    // Where the request does not get through, the statement ends by itself.
    PQcancel(request, reason.data(), static_cast<int>(reason.size()));
    PQfreeCancel(request);
}

Result<PostgresUrl> PostgresAddress::url() const {
    PostgresUrl url = url_;
    if (!password_) return url;
    auto password = password_();
    if (!password) return password.error();
    url.password = *std::move(password);
    return url;
}

Result<std::unique_ptr<PostgresConnection>> PostgresAddress::open(
    const ConnectionSettings& settings) const {
    const auto now = url();
    if (!now) return now.error();
    return PostgresConnection::open(*now, settings);
}

void append_literal(std::string& sql, std::string_view text) {
    sql += '\'';
    for (const char c : text) {
        if (c == '\0') continue;
        if (c == '\'') sql += '\'';
        sql += c;
    }
    sql += '\'';
}

std::string literal(std::string_view text) {
    std::string out;
    append_literal(out, text);
    return out;
}

}  // namespace tapedeck
