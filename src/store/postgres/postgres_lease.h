#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "store/postgres/postgres_connection.h"
#include "store/store.h"

namespace tapedeck {

// The application_name of the session that holds the lease, or what else the server tells of it;
// nothing where nobody has it.
Result<std::optional<std::string>> find_lease_holder(PostgresConnection& connection);

// The lease of a database: a session's advisory lock on a connection of its own, whose
// application_name names the holder for everybody's conflict. The server lets go of it when the
// holder's connection ends, by death or by a cut line, and somebody else may take it then.
//
// So that a holder learns of that before it does harm, each taking of the lease counts up an epoch
// in the table `leases`, and a store that holds it checks lock and epoch before each transaction
// (`still_held`), taking the lock again where only the line was cut. One that comes too late is
// told `conflict`, and writes nothing any more.
//
// A thread of its own waits for the line's end, so that a lease that was cut is taken up again at
// once: until then everybody else sees nobody who records, and might take it.
class HeldLease {
public:
    // `conflict`, naming the holder, where another session has it.
    static Result<std::shared_ptr<HeldLease>> take(const PostgresAddress& address,
                                                   const ConnectionSettings& settings,
                                                   const std::string& holder, Timestamp now);

    ~HeldLease();  // lets go of it, and has the server say so before the next one asks
    HeldLease(const HeldLease&) = delete;
    HeldLease& operator=(const HeldLease&) = delete;

    // `conflict` for ever once somebody else has had the lease; `unavailable` where that cannot be
    // told now, or not before a stop. Any thread.
    Result<> still_held(std::stop_token stop);

    // An SQL statement that changes one row where the epoch is still ours, and none otherwise.
    Statement guard() const;

private:
    HeldLease(PostgresAddress address, ConnectionSettings settings, std::string holder);
    Result<> lock(std::stop_token stop) TAPEDECK_REQUIRES(mutex_);
    Result<> end_former(PostgresConnection& connection) TAPEDECK_REQUIRES(mutex_);
    Result<> check_epoch() TAPEDECK_REQUIRES(mutex_);
    void keep(std::stop_token stop);
    int line();

    const PostgresAddress address_;
    const ConnectionSettings settings_;
    const std::string holder_;
    std::int64_t epoch_ = 0;  // constant once taken
    Mutex mutex_;
    std::unique_ptr<PostgresConnection> connection_ TAPEDECK_GUARDED_BY(mutex_);
    int former_ TAPEDECK_GUARDED_BY(mutex_) = 0;  // who last had the lock
    std::optional<Error> lost_ TAPEDECK_GUARDED_BY(mutex_);
    const int wake_;       // an eventfd: ends the keeper's waiting
    std::jthread keeper_;  // begins once the lease is taken
};

}  // namespace tapedeck
