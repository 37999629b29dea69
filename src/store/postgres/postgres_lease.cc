#include "store/postgres/postgres_lease.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/mutex.h"
#include "store/postgres/postgres_rows.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// How long the keeper rests after a vain attempt at the server, from the first to all later ones.
constexpr milliseconds kFirstRest = 50ms;
constexpr milliseconds kLongestRest = 2s;
// A holder that ends between two looks is no conflict; one that always does is not understood.
constexpr int kLockTries = 10;

// "tapedeck" and one: told apart from the lock under which tables are made.
constexpr std::string_view kLeaseLock = "8385524741126153068";

}  // namespace

Result<std::optional<std::string>> find_lease_holder(PostgresConnection& connection) {
    const auto found = connection.run(
        fmt::format("select coalesce(nullif(a.application_name, ''), 'process ' || l.pid) ||"
                    " coalesce(' at ' || host(a.client_addr), '') from pg_locks l left join"
                    " pg_stat_activity a on a.pid = l.pid where l.locktype = 'advisory'"
                    " and l.granted and (l.classid::bigint << 32) + l.objid::bigint = {}"
                    " and l.database = (select oid from pg_database where datname ="
                    " current_database())",
                    kLeaseLock),
        {});
    if (!found) return found.error();
    if (PQntuples(found->get()) == 0) return std::optional<std::string>();
    return std::optional(std::string(PostgresRow(found->get(), 0).text(0)));
}

HeldLease::HeldLease(PostgresAddress address, ConnectionSettings settings, std::string holder)
    : address_(std::move(address)),
      settings_(std::move(settings)),
      holder_(std::move(holder)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Result<std::shared_ptr<HeldLease>> HeldLease::take(const PostgresAddress& address,
                                                   const ConnectionSettings& settings,
                                                   const std::string& holder, Timestamp now) {
    ConnectionSettings own = settings;
    own.application_name = "tapedeck lease: " + holder;
    std::shared_ptr<HeldLease> lease(new HeldLease(address, own, holder));
    const Lock guard(lease->mutex_);
    if (auto locked = lease->lock(settings.stop); !locked) return locked.error();
    const std::vector<Value> values{holder, now};
    const auto counted = lease->connection_->run(
        "insert into leases (name, holder, epoch, taken_at) values ('schedule', $1, 1, $2)"
        " on conflict (name) do update set holder = excluded.holder, epoch = leases.epoch + 1,"
        " taken_at = excluded.taken_at returning epoch",
        values);
    if (!counted) return counted.error();
    lease->epoch_ = PostgresRow(counted->get(), 0).integer(0);
    lease->keeper_ =
        std::jthread([held = lease.get()](std::stop_token stop) { held->keep(std::move(stop)); });
    return lease;
}

HeldLease::~HeldLease() {
    keeper_.request_stop();
    ::eventfd_write(wake_, 1);
    if (keeper_.joinable()) keeper_.join();
    ::close(wake_);
    if (!connection_ || !connection_->alive()) return;
    // Where it fails the end of the connection does the same.
    const auto released = connection_->execute("select pg_advisory_unlock_all()");
    static_cast<void>(released);
}

// Where the line was cut without a word, the server may hold our former session for hours; one that
// is ending is in the list of locks for longer than in that of sessions.
Result<> HeldLease::end_former(PostgresConnection& connection) {
    if (former_ == 0) return {};
    auto ended = connection.run(
        fmt::format(
            "select pg_terminate_backend(l.pid) from pg_locks l left join pg_stat_activity a on"
            " a.pid = l.pid where l.pid = {} and coalesce(a.application_name = {}, true)"
            " and l.locktype = 'advisory' and l.granted"
            " and (l.classid::bigint << 32) + l.objid::bigint = {}",
            former_, literal(settings_.application_name.substr(0, 63)), kLeaseLock),
        {});
    if (!ended) return ended.error();
    if (PQntuples(ended->get()) == 0) return {};  // it is somebody else's, or nobody's any more
    return Error{
        ErrorKind::unavailable,
        fmt::format("{}: the lease is held by our own former session, process {}, which is "
                    "being ended",
                    connection.place(), former_)};
}

Result<> HeldLease::lock(std::stop_token stop) {
    ConnectionSettings own = settings_;
    own.stop = std::move(stop);
    auto opened = address_.open(own);
    if (!opened) return opened.error();
    PostgresConnection& connection = **opened;
    for (int tries = 1;; ++tries) {
        const auto locked =
            connection.run(fmt::format("select pg_try_advisory_lock({})", kLeaseLock), {});
        if (!locked) return locked.error();
        if (PostgresRow(locked->get(), 0).integer(0) != 0) break;
        if (auto ended = end_former(connection); !ended) return ended;
        const auto holder = find_lease_holder(connection);
        if (!holder) return holder.error();
        if (*holder) {
            return Error{ErrorKind::conflict,
                         fmt::format("{}: the lease is held by {}", connection.place(), **holder)};
        }
        if (tries < kLockTries) continue;  // it was let go of between the two questions
        return Error{
            ErrorKind::unavailable,
            fmt::format("{}: the lease is held, by whom cannot be told", connection.place())};
    }
    connection_ = *std::move(opened);
    former_ = connection_->backend_pid();
    return {};
}

Result<> HeldLease::check_epoch() {
    const auto found =
        connection_->run("select epoch, holder from leases where name = 'schedule'", {});
    if (!found) return found.error();
    if (PQntuples(found->get()) == 1) {
        const PostgresRow row(found->get(), 0);
        if (row.integer(0) == epoch_) return {};
        return Error{ErrorKind::conflict,
                     fmt::format("{}: the lease of {} was lost, and {} has taken it since",
                                 connection_->place(), holder_, row.text(1))};
    }
    return Error{ErrorKind::conflict,
                 fmt::format("{}: the lease of {} is gone from the table leases",
                             connection_->place(), holder_)};
}

Result<> HeldLease::still_held(std::stop_token stop) {
    const Lock guard(mutex_);
    if (lost_) return *lost_;
    if (connection_ && connection_->alive()) return {};
    connection_ = nullptr;
    auto held = lock(std::move(stop));
    if (held) held = check_epoch();
    if (held) return held;
    connection_ = nullptr;  // where the epoch could not be read, neither is the lock kept
    if (held.error().kind == ErrorKind::conflict) lost_ = held.error();
    return held;
}

// The lease's socket, as a descriptor of the caller's: whoever opens the next connection closes the
// first. -1 where there is none now.
int HeldLease::line() {
    const Lock guard(mutex_);
    if (!connection_) return -1;
    return ::fcntl(PQsocket(connection_->handle()), F_DUPFD_CLOEXEC, 0);
}

void HeldLease::keep(std::stop_token stop) {
    milliseconds rest = kFirstRest;
    while (!stop.stop_requested()) {
        // Something to read is a notice, which `still_held` takes, or the line's end.
        const int line = this->line();
        std::array<pollfd, 2> both{pollfd{line, POLLIN, 0}, pollfd{wake_, POLLIN, 0}};
        const int limit = line >= 0 ? -1 : static_cast<int>(rest.count());
        ::poll(both.data(), both.size(), limit);
        if (line >= 0) ::close(line);
        if (stop.stop_requested()) return;
        const auto held = still_held(stop);
        if (held) {
            rest = kFirstRest;
        } else if (held.error().kind == ErrorKind::conflict) {
            return;  // for ever: the next transaction tells of it
        } else {
            rest = std::min(2 * rest, kLongestRest);
        }
    }
}

Statement HeldLease::guard() const {
    return {"update leases set epoch = epoch where name = 'schedule' and epoch = $1", {epoch_}, 1};
}

}  // namespace tapedeck
