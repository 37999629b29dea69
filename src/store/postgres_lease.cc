#include "store/postgres_lease.h"

#include <fmt/format.h>

#include "store/postgres_rows.h"

namespace tapedeck {
namespace {

// "tapedeck" and one: told apart from the lock under which tables are made.
constexpr std::string_view kLock = "8385524741126153068";

// The holder's application_name, or what else the server tells of it.
std::string holder_of(PostgresConnection& connection) {
    const auto found = connection.run(
        fmt::format("select coalesce(nullif(a.application_name, ''), 'process ' || l.pid) ||"
                    " coalesce(' at ' || host(a.client_addr), '') from pg_locks l left join"
                    " pg_stat_activity a on a.pid = l.pid where l.locktype = 'advisory'"
                    " and l.granted and (l.classid::bigint << 32) + l.objid::bigint = {}"
                    " and l.database = (select oid from pg_database where datname ="
                    " current_database())",
                    kLock),
        {});
    if (!found || PQntuples(found->get()) == 0) return "another process";
    return std::string(PostgresRow(found->get(), 0).text(0));
}

}  // namespace

Result<std::shared_ptr<HeldLease>> HeldLease::take(const PostgresUrl& url,
                                                   const ConnectionSettings& settings,
                                                   const std::string& holder, Timestamp now) {
    ConnectionSettings own = settings;
    own.application_name = "tapedeck lease: " + holder;
    std::shared_ptr<HeldLease> lease(new HeldLease(url, own, holder));
    const std::lock_guard guard(lease->mutex_);
    if (auto locked = lease->lock(); !locked) return locked.error();
    const std::vector<Value> values{holder, now};
    const auto counted = lease->connection_->run(
        "insert into leases (name, holder, epoch, taken_at) values ('schedule', $1, 1, $2)"
        " on conflict (name) do update set holder = excluded.holder, epoch = leases.epoch + 1,"
        " taken_at = excluded.taken_at returning epoch",
        values);
    if (!counted) return counted.error();
    lease->epoch_ = PostgresRow(counted->get(), 0).integer(0);
    return lease;
}

HeldLease::~HeldLease() {
    if (!connection_ || !connection_->alive()) return;
    // Where it fails the end of the connection does the same.
    const auto released = connection_->execute("select pg_advisory_unlock_all()");
    static_cast<void>(released);
}

// Where the line was cut without a word, the server may hold our former session for hours.
Result<> HeldLease::end_former(PostgresConnection& connection) {
    if (former_ == 0) return {};
    auto ended = connection.run(
        fmt::format(
            "select pg_terminate_backend(a.pid) from pg_stat_activity a join pg_locks l on"
            " l.pid = a.pid where a.pid = {} and a.application_name = {} and l.locktype ="
            " 'advisory' and l.granted and (l.classid::bigint << 32) + l.objid::bigint = {}",
            former_, literal(settings_.application_name.substr(0, 63)), kLock),
        {});
    if (!ended) return ended.error();
    if (PQntuples(ended->get()) == 0) return {};  // it is somebody else's
    return Error{
        ErrorKind::unavailable,
        fmt::format("{}: the lease is held by our own former session, process {}, which is "
                    "being ended",
                    connection.place(), former_)};
}

Result<> HeldLease::lock() {
    auto opened = PostgresConnection::open(url_, settings_);
    if (!opened) return opened.error();
    const auto locked = (*opened)->run(fmt::format("select pg_try_advisory_lock({})", kLock), {});
    if (!locked) return locked.error();
    if (PostgresRow(locked->get(), 0).integer(0) == 0) {
        if (auto ended = end_former(**opened); !ended) return ended;
        return Error{ErrorKind::conflict, fmt::format("{}: the lease is held by {}",
                                                      (*opened)->place(), holder_of(**opened))};
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

Result<> HeldLease::still_held() {
    const std::lock_guard guard(mutex_);
    if (lost_) return *lost_;
    if (connection_ && connection_->alive()) return {};
    connection_ = nullptr;
    auto held = lock();
    if (held) held = check_epoch();
    if (!held && held.error().kind == ErrorKind::conflict) {
        connection_ = nullptr;
        lost_ = held.error();
    }
    return held;
}

Statement HeldLease::guard() const {
    return {"update leases set epoch = epoch where name = 'schedule' and epoch = $1", {epoch_}, 1};
}

}  // namespace tapedeck
