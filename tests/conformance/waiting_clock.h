#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "base/clock.h"
#include "tests/conformance/others_sleep.h"

namespace tapedeck {

// Time passes only while nothing happens: when every thread of the process sleeps, it is the moment
// that the first of the sleepers waits for, so that no machine is too slow for a test. At `end` it
// asks to stop.
class WaitingClock : public ManualClock {
public:
    using Hook = std::function<void(WaitingClock&)>;

    WaitingClock(Timestamp start, Timestamp end) : ManualClock(start), end_(end) {}

    Hook on_sleep = {};  // before each sleep, on any thread that sleeps
    // Whether time may pass, for what no thread's sleep tells: who waits for another process sleeps
    // as well. Asked on the thread of the first sleeper, whoever that is; must not wait for what
    // time alone brings.
    std::function<bool()> quiet = {};
    std::stop_token over() const { return over_.get_token(); }

    void sleep_until(Timestamp instant, std::stop_token stop) override {
        const Timestamp called = now();
        if (on_sleep) on_sleep(*this);
        if (now() < called) return;  // the clock was set back
        const Timestamp until = std::min(instant, end_);
        const Sleeper sleeper(*this, until);
        Timestamp seen = now();
        for (int still = 0; !stop.stop_requested() && now() < until;) {
            if (now() < seen) return;
            seen = now();
            pause(stop);
            still = may_pass(until) ? still + 1 : 0;
            if (still >= kStill && !stop.stop_requested()) pass(until);
        }
        if (now() < end_) return;
        over_.request_stop();
        // No time comes after the end: who can be stopped is about to be.
        while (stop.stop_possible() && !stop.stop_requested()) pause(stop);
    }

private:
    static constexpr int kStill = 2;

    class Sleeper {
    public:
        Sleeper(WaitingClock& clock, Timestamp until) : clock_(clock) {
            const std::lock_guard lock(clock_.mutex_);
            place_ = clock_.sleepers_.insert(until);
        }
        ~Sleeper() {
            const std::lock_guard lock(clock_.mutex_);
            clock_.sleepers_.erase(place_);
        }
        Sleeper(const Sleeper&) = delete;
        Sleeper& operator=(const Sleeper&) = delete;

    private:
        WaitingClock& clock_;
        std::multiset<Timestamp>::iterator place_;
    };

    static void pause(const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any woken;
        std::unique_lock lock(mutex);
        woken.wait_for(lock, stop, std::chrono::milliseconds(4),
                       [&] { return stop.stop_requested(); });
    }
    bool is_first(Timestamp until) {
        const std::lock_guard lock(mutex_);
        return *sleepers_.begin() == until;
    }
    // What makes it quiet may have woken a thread: they are looked at last.
    bool may_pass(Timestamp until) {
        return is_first(until) && (!quiet || quiet()) && others_sleep();
    }
    void pass(Timestamp until) {
        const std::lock_guard lock(mutex_);
        if (*sleepers_.begin() == until && until > now()) advance(until - now());
    }

    const Timestamp end_;
    std::mutex mutex_;
    std::multiset<Timestamp> sleepers_;  // guarded by mutex_: what each waits for
    std::stop_source over_;
};

}  // namespace tapedeck
