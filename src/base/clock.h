#pragma once

#include <stop_token>

#include "base/mutex.h"
#include "base/time.h"

namespace tapedeck {

// The seam to time. Every implementation passes tests/conformance/clock_suite.h.
// All functions may be called from any thread.
class Clock {
public:
    virtual ~Clock() = default;

    // Wall time. It may step either way when somebody sets the machine's clock.
    virtual Timestamp now() const = 0;

    // Time that never goes back, for measuring spans; its origin means nothing.
    virtual std::chrono::microseconds steady() const = 0;

    // Sleeps until `now()` has reached `instant`, or `stop` is requested, or the wall clock was
    // stepped (the caller looks at `now()` again). Causes no wake-ups meanwhile.
    virtual void sleep_until(Timestamp instant, std::stop_token stop) = 0;
};

// The machine's clock. Waits on a timerfd that is cancelled when the wall clock is set
// (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
class SystemClock : public Clock {
public:
    Timestamp now() const override;
    std::chrono::microseconds steady() const override;
    void sleep_until(Timestamp instant, std::stop_token stop) override;
};

// A clock that runs `speed` times as fast as the machine's from `start` on: the demo's.
class ScaledClock : public Clock {
public:
    ScaledClock(Timestamp start, double speed);
    Timestamp now() const override;
    std::chrono::microseconds steady() const override;
    void sleep_until(Timestamp instant, std::stop_token stop) override;

private:
    const Timestamp start_;
    const double speed_;
    const std::chrono::steady_clock::time_point origin_;
};

// A clock that stands still until told: for tests.
class ManualClock : public Clock {
public:
    explicit ManualClock(Timestamp start) : now_(start) {}
    Timestamp now() const override;
    std::chrono::microseconds steady() const override;
    void sleep_until(Timestamp instant, std::stop_token stop) override;

    void advance(std::chrono::microseconds by);  // wall and steady time
    void step(std::chrono::microseconds by);     // wall time alone, as settimeofday does

private:
    mutable Mutex mutex_;
    Changed changed_;
    Timestamp now_ TAPEDECK_GUARDED_BY(mutex_);
    std::chrono::microseconds steady_ TAPEDECK_GUARDED_BY(mutex_){0};
    unsigned steps_ TAPEDECK_GUARDED_BY(mutex_) = 0;
};

}  // namespace tapedeck
