#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace tapedeck {

// How many requests a host is asked: `count` in `per`. A count of 0 means no limit.
struct PaceLimit {
    int count = 60;
    std::chrono::milliseconds per{60'000};
    friend bool operator==(const PaceLimit&, const PaceLimit&) = default;
};

// The most requests that an idle host is asked at once: what ten seconds allow, at least 12 (a slot
// of the usual size goes out whole; a browser that opens one page asks for more), at most `count`.
int burst_of(const PaceLimit& limit);

// The budget of one host. Pure: `now` is steady time and is passed in; one thread.
//
// Two rules at once. Within any span of `per`, wherever it begins, at most `count` requests start:
// the limit that the site states is never passed, as a plain token bucket would (burst + count).
// And of those at most `burst_of` start at once; then they start evenly, one per `per / count`,
// so that "600/min" is ten a second and not 600 in one heap. The unit matters: "1/s" never bursts.
// Requests start in the order of their reservation, also where sources of one host have limits of
// their own; each is then held to its own limit, counting what the others asked.
class HostPace {
public:
    using Time = std::chrono::microseconds;

    // When a request may start if it is asked for now; reserves nothing.
    Time next_start(const PaceLimit& limit, Time now) const;

    // The same, and takes the place.
    Time reserve(const PaceLimit& limit, Time now);

    // No start before `until`; a shorter hold does not undo a longer one.
    void hold(Time until) { held_until_ = std::max(held_until_, until); }
    Time held_until() const { return held_until_; }

private:
    std::deque<Time> starts_;   // ascending; the last `kept_`
    std::size_t kept_ = 1'000;  // grows with the largest limit seen, so that a window is never cut
    Time due_ = Time::min();    // when the bucket is full again
    Time held_until_ = Time::min();
};

// The budgets of all hosts, shared by every feed: by `host_of` (net/url.h). Lives as long as the
// process; any thread.
class Pacer {
public:
    using Time = std::chrono::microseconds;

    // The steady time, `now` or later, at which one request to `host` may start.
    Time reserve(std::string_view host, const PaceLimit& limit, Time now);

    // The same, unless it could not start until `latest`: then nothing, and the budget is as it
    // was.
    std::optional<Time> reserve_until(std::string_view host, const PaceLimit& limit, Time now,
                                      Time latest);

    // What a Retry-After asks: no reservation from here on starts before `until`. Those already
    // given out are the caller's to look at again, with `held_until`, before it starts them.
    void hold(std::string_view host, Time until);
    Time held_until(std::string_view host) const;

private:
    HostPace& pace_of(std::string_view host) TAPEDECK_REQUIRES(mutex_);

    mutable Mutex mutex_;
    std::map<std::string, HostPace, std::less<>> hosts_ TAPEDECK_GUARDED_BY(mutex_);
};

}  // namespace tapedeck
