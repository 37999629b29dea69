#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "collect/secret_lookup.h"
#include "events/log.h"
#include "net/circuit_breaker.h"
#include "net/pacer.h"
#include "sources/source.h"

namespace tapedeck {

// What one collector knows of its sessions: the crumb by source name. Cookies lie in its client.
struct Sessions {
    std::map<std::string, std::string> crumbs;
};

// How the sources are doing, shared by every feed: the pace of their hosts and their breakers.
// Safe from any thread.
class SourceStates {
public:
    explicit SourceStates(Log& log) : log_(log) {}

    // Whether the source may be asked now; counts as a trial where its breaker is half open.
    bool may_ask(const Source& source, std::chrono::microseconds steady);
    void succeeded(const Source& source);
    void failed(const Source& source, const Failure& failure, std::chrono::microseconds steady,
                Timestamp wall);

    // Since when a source rests, and the failure that made it. None where it does not.
    struct Rest {
        Timestamp since;
        Failure cause;
    };
    std::optional<Rest> rest_of(const std::string& source) const;

    // When a request to `url` may start, and takes that place in the host's budget; nothing where
    // that would be after `latest`.
    std::optional<std::chrono::microseconds> reserve_until(const Source& source,
                                                           const std::string& url,
                                                           std::chrono::microseconds steady,
                                                           std::chrono::microseconds latest);
    // Asks nothing of the host before `until` (Retry-After).
    void hold(const std::string& url, std::chrono::microseconds until);
    std::chrono::microseconds held_until(const std::string& url) const;

    // For `tapedeck sources` and logs.
    struct Health {
        BreakerState state = BreakerState::closed;
        int failures = 0;
        std::chrono::microseconds rest_left{0};
    };
    std::map<std::string, Health> health(std::chrono::microseconds steady) const;

private:
    Log& log_;
    Pacer pacer_;  // has its own lock
    mutable Mutex mutex_;
    std::map<std::string, CircuitBreaker> breakers_ TAPEDECK_GUARDED_BY(mutex_);
    std::map<std::string, Rest> rests_ TAPEDECK_GUARDED_BY(mutex_);  // of those not closed again
};

}  // namespace tapedeck
