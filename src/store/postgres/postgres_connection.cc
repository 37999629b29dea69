#include "store/postgres/postgres_connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>

#include "base/assert.h"
#include "base/system_fault.h"
#include "store/postgres/postgres_values.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kBeyondTimeout = 10s;  // the server's own time-out comes first
constexpr std::size_t kLongestName = 63;

// What a refused connection says in its text, which is all that libpq 15 tells about it.
constexpr std::array<std::string_view, 14> kRefusals = {
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "certificate verify failed",
    "does not match host name",
    "no password supplied",
    "is not permitted to log in",
    "permission denied",
    "root certificate file",
    "could not read certificate",
    "could not load",
    "server does not support SSL",
    "invalid",
    "has group or world access",
};

std::string trimmed(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '\n' ? ' ' : c;
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

std::string without(std::string text, const std::string& password) {
    if (password.empty()) return text;
    for (std::size_t at = 0; (at = text.find(password, at)) != text.npos; at += 3) {
        text.replace(at, password.size(), "***");
    }
    return text;
}

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

// Notices are for psql's users. But a session that is ended while nothing is under way says so in
// the same way, before its line is closed.
void take_notice(void* broken, const PGresult* notice) {
    const std::string severity =
        text_or_empty(PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED));
    if (severity == "FATAL" || severity == "PANIC") *static_cast<bool*>(broken) = true;
}

std::string place_of(PGconn* handle) {
    return fmt::format("{}:{}/{}", text_or_empty(PQhost(handle)), text_or_empty(PQport(handle)),
                       text_or_empty(PQdb(handle)));
}

PGconn* connect(const PostgresUrl& url, const ConnectionSettings& settings) {
    const Secret target = connection_string(url);
    const std::string timeout = std::to_string(std::max<std::int64_t>(
        2, std::chrono::ceil<std::chrono::seconds>(settings.connect_timeout).count()));
    std::string name = settings.application_name.substr(0, kLongestName);
    // What stands before dbname is overridden by the URL, what stands after it is not.
    const std::array<const char*, 9> names = {
        "connect_timeout",  "keepalives_idle",  "keepalives_interval",
        "keepalives_count", "tcp_user_timeout", "dbname",
        "application_name", "client_encoding",  nullptr};
    const std::array<const char*, 9> values = {
        timeout.c_str(),         "15",         "5",    "4",    "30000",
        target.reveal().c_str(), name.c_str(), "UTF8", nullptr};
    return PQconnectdbParams(names.data(), values.data(), 1);
}

Error refused(PGconn* handle, const std::string& password) {
    std::string text = without(trimmed(PQerrorMessage(handle)), password);
    if (const auto missing = missing_descriptors()) text += ": " + *missing;
    const bool final = std::ranges::any_of(
        kRefusals, [&](std::string_view part) { return text.find(part) != text.npos; });
    return {final ? ErrorKind::rejected : ErrorKind::unavailable,
            text.empty() ? "connecting failed" : text};
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

bool hangs_on_no_value(std::string_view sqlstate) {
    return sqlstate == "42501" || sqlstate == "P0001" || sqlstate == "23502";
}

// Turns a stop request into something that poll(2) sees.
class PostgresConnection::Wakening {
public:
    explicit Wakening(std::stop_token stop)
        : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
          stop_(std::move(stop)),
          wake_(stop_, Wake{event_}) {}
    ~Wakening() { ::close(event_); }
    Wakening(const Wakening&) = delete;
    Wakening& operator=(const Wakening&) = delete;

    bool is_requested() const { return stop_.stop_requested(); }
    int event() const { return event_; }

private:
    struct Wake {
        int event;
        void operator()() const { ::eventfd_write(event, 1); }
    };
    const int event_;
    const std::stop_token stop_;
    const std::stop_callback<Wake> wake_;
};

PostgresConnection::PostgresConnection(PGconn* handle, std::chrono::milliseconds longest)
    : handle_(handle), longest_(longest), limit_(longest) {}

Result<std::unique_ptr<PostgresConnection>> PostgresConnection::open(
    const PostgresUrl& url, const ConnectionSettings& settings) {
    PGconn* handle = connect(url, settings);
    if (handle == nullptr) return Error{ErrorKind::unavailable, "connecting: out of memory"};
    const auto longest = settings.statement_timeout > 0ms
                             ? settings.statement_timeout + kBeyondTimeout
                             : std::chrono::milliseconds(0);
    std::unique_ptr<PostgresConnection> connection(new PostgresConnection(handle, longest));
    connection->password_ = url.password.reveal();
    connection->place_ = place_of(handle);
    PQsetNoticeReceiver(handle, take_notice, &connection->broken_);
    if (PQstatus(handle) != CONNECTION_OK) return refused(handle, connection->password_);
    if (PQsetnonblocking(handle, 1) != 0) return connection->lost("connecting");
    auto done = connection->execute(fmt::format(
        "set timezone = 'UTC'; set standard_conforming_strings = on; set datestyle = 'ISO';"
        " set tcp_keepalives_idle = 15; set tcp_keepalives_interval = 5;"
        " set tcp_keepalives_count = 4; set lock_timeout = {}; set statement_timeout = {};"
        " set idle_in_transaction_session_timeout = {};"
        " set default_transaction_read_only = {};"
        " select set_config('synchronous_commit', 'on', false)"
        " where current_setting('synchronous_commit') = 'off'",
        settings.lock_timeout.count(), settings.statement_timeout.count(),
        settings.statement_timeout.count(), settings.reads_only ? "on" : "default"));
    if (!done) return done.error();
    return connection;
}

PostgresConnection::~PostgresConnection() { PQfinish(handle_); }

bool PostgresConnection::usable() const {
    return !broken_ && PQstatus(handle_) == CONNECTION_OK &&
           PQtransactionStatus(handle_) == PQTRANS_IDLE;
}

bool PostgresConnection::alive() {
    if (broken_ || PQstatus(handle_) != CONNECTION_OK) return false;
    // What came without being asked for is a notice, or a last word with the end behind it.
    constexpr int kMostNotices = 100;
    for (int i = 0; i < kMostNotices; ++i) {
        pollfd one{PQsocket(handle_), POLLIN, 0};
        const int ready = ::poll(&one, 1, 0);
        if (ready == 0) return true;
        if (ready < 0 || PQconsumeInput(handle_) == 0 || PQisBusy(handle_) != 0) broken_ = true;
        if (broken_ || PQstatus(handle_) != CONNECTION_OK) return false;
    }
    return false;
}

void PostgresConnection::reset() {
    if (broken_ || PQstatus(handle_) != CONNECTION_OK) return;
    const std::string kept = sqlstate_;
    auto done = drain();
    if (PQtransactionStatus(handle_) != PQTRANS_IDLE) done = execute("rollback");
    if (!usable()) broken_ = true;
    sqlstate_ = kept;
}

Error PostgresConnection::lost(std::string_view doing) {
    broken_ = true;
    sqlstate_.clear();
    const std::string text = without(trimmed(PQerrorMessage(handle_)), password_);
    return {ErrorKind::unavailable,
            fmt::format("{}: {}: {}", place_, doing, text.empty() ? "no answer" : text)};
}

Error PostgresConnection::failure(const PGresult* result) {
    sqlstate_ = text_or_empty(PQresultErrorField(result, PG_DIAG_SQLSTATE));
    column_ = text_or_empty(PQresultErrorField(result, PG_DIAG_COLUMN_NAME));
    constraint_ = text_or_empty(PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME));
    std::string text = text_or_empty(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    if (text.empty()) text = trimmed(PQresultErrorMessage(result));
    const std::string detail = text_or_empty(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
    if (!detail.empty()) text += ": " + detail;
    // What somebody's trigger says may name nothing: its place does.
    const std::string context = text_or_empty(PQresultErrorField(result, PG_DIAG_CONTEXT));
    if (context.find("function") != context.npos) text += ": " + context;
    // The session is over after these, whatever the library has seen of it yet; and who writes to a
    // server that has become a standby finds the one to write to by connecting anew.
    if (sqlstate_.empty() || sqlstate_.starts_with("57P") || sqlstate_ == "25006") broken_ = true;
    return {error_kind_of_sqlstate(sqlstate_),
            fmt::format("{}: {}{}", place_, without(trimmed(text), password_),
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
    const auto began = SteadyClock::now();
    auto told = began;
    std::optional<SteadyClock::time_point> stopped;
    for (auto now = began;; now = SteadyClock::now()) {
        if (!stopped && wakening_ && wakening_->is_requested()) stopped = now;
        auto until = limit_ > 0ms ? began + limit_ : SteadyClock::time_point::max();
        if (stopped) until = std::min(until, *stopped + kLastPatience);
        if (now >= until) return given_up(limit_, stopped.has_value());
        if (stalled_ && watch_after_ > 0ms) until = std::min(until, told + watch_after_);
        int step = -1;
        if (until != SteadyClock::time_point::max()) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
            step = static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
        }
        std::array<pollfd, 2> both{
            pollfd{PQsocket(handle_), events, 0},
            pollfd{wakening_ && !stopped ? wakening_->event() : -1, POLLIN, 0}};
        const int ready = ::poll(both.data(), both.size(), step);
        if (ready < 0 && errno != EINTR) return lost("waiting");
        if (ready > 0 && both[0].revents != 0) return {};
        if (stalled_ && watch_after_ > 0ms && SteadyClock::now() - told >= watch_after_) {
            told = SteadyClock::now();
            stalled_();
        }
    }
}

Result<> PostgresConnection::flush() {
    for (;;) {
        const int left = PQflush(handle_);
        if (left == 0) return {};
        if (left < 0) return lost("sending");
        if (auto ready = wait(POLLIN | POLLOUT); !ready) return ready;
        // The server may be sending an error meanwhile, and would wait for us to read it.
        if (PQconsumeInput(handle_) == 0) return lost("sending");
    }
}

Result<> PostgresConnection::send(const std::string& sql) {
    TAPEDECK_ASSERT(sql.find('\0') == sql.npos);
    sqlstate_.clear();
    if (broken_ || PQsendQuery(handle_, sql.c_str()) == 0) return lost("sending");
    return flush();
}

Result<> PostgresConnection::send(const std::string& sql, std::span<const Value> values) {
    const BoundValues bound(values);
    sqlstate_.clear();
    if (broken_ || PQsendQueryParams(handle_, sql.c_str(), bound.count(), bound.types(),
                                     bound.values(), bound.lengths(), bound.formats(), 1) == 0) {
        return lost("sending");
    }
    return flush();
}

Result<PostgresResult> PostgresConnection::next() {
    while (PQisBusy(handle_) != 0) {
        if (auto ready = wait(POLLIN); !ready) return ready.error();
        if (PQconsumeInput(handle_) == 0) {
            // A last word of the server's may have come before the end.
            PostgresResult last(PQgetResult(handle_));
            if (last && PQresultErrorField(last.get(), PG_DIAG_SQLSTATE) != nullptr) {
                Error error = failure(last.get());
                broken_ = true;
                return error;
            }
            return lost("reading");
        }
    }
    PostgresResult result(PQgetResult(handle_));
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
        const int put = PQputCopyData(handle_, piece.data(), static_cast<int>(piece.size()));
        if (put < 0) return lost("copying");
        if (auto sent = flush(); !sent) return sent;
        if (put == 0) continue;
        bytes.remove_prefix(piece.size());
    }
    return {};
}

Result<> PostgresConnection::end_copy(const char* refusal) {
    for (;;) {
        const int put = PQputCopyEnd(handle_, refusal);
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
    PGcancel* request = PQgetCancel(handle_);
    if (request == nullptr) return;
    std::array<char, 256> reason{};
    // Where the request does not get through, the statement ends by itself.
    PQcancel(request, reason.data(), static_cast<int>(reason.size()));
    PQfreeCancel(request);
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
