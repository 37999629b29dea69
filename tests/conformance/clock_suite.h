#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace tapedeck {

// What every Clock does. A test program names its implementations:
//   INSTANTIATE_TEST_SUITE_P(System, ClockSuite, testing::Values(ClockUnderTest{...}));
struct ClockUnderTest {
    std::string name;
    std::function<std::unique_ptr<Clock>()> make;
    // Lets time pass until `now()` is `by` later, from another thread while one sleeps: a manual
    // clock is advanced, the others run by themselves.
    std::function<void(Clock&, std::chrono::microseconds by)> pass;
};

inline void PrintTo(const ClockUnderTest& given, std::ostream* out) { *out << given.name; }

class ClockSuite : public testing::TestWithParam<ClockUnderTest> {
protected:
    using microseconds = std::chrono::microseconds;

    std::unique_ptr<Clock> clock_ = GetParam().make();

    // A sleeper in a thread of its own, as schedules have it; joined after time was let pass.
    void sleep_for(microseconds span, std::stop_token stop, microseconds passing) {
        const Timestamp instant = clock_->now() + span;
        std::jthread sleeper([&, instant] { clock_->sleep_until(instant, stop); });
        GetParam().pass(*clock_, passing);
    }
};

TEST_P(ClockSuite, SleepingEndsAtTheInstantAndNotBefore) {
    for (const int milliseconds : {1, 3, 2}) {
        const Timestamp instant = clock_->now() + std::chrono::milliseconds(milliseconds);
        std::jthread sleeper([&] {
            clock_->sleep_until(instant, {});
            EXPECT_GE(clock_->now(), instant);
        });
        GetParam().pass(*clock_, std::chrono::milliseconds(milliseconds));
    }
}

TEST_P(ClockSuite, AnInstantThatIsPastIsNotSleptFor) {
    clock_->sleep_until(clock_->now(), {});
    clock_->sleep_until(clock_->now() - std::chrono::hours(1), {});
    clock_->sleep_until(Timestamp(microseconds(0)), {});
    clock_->sleep_until(Timestamp(microseconds(-1)), {});
}

TEST_P(ClockSuite, AStopEndsASleepOfAnyLength) {
    for (const Timestamp instant :
         {clock_->now() + std::chrono::hours(24 * 365),
          Timestamp(std::chrono::sys_days(std::chrono::year(9999) / 12 / 31))}) {
        std::stop_source stop;
        std::jthread sleeper([&] { clock_->sleep_until(instant, stop.get_token()); });
        stop.request_stop();
        sleeper.join();
        EXPECT_LT(clock_->now(), instant);
    }
}

TEST_P(ClockSuite, AStopThatCameBeforeEndsTheSleepAtOnce) {
    std::stop_source stop;
    stop.request_stop();
    const Timestamp instant = clock_->now() + std::chrono::hours(24);
    clock_->sleep_until(instant, stop.get_token());
    EXPECT_LT(clock_->now(), instant);
}

TEST_P(ClockSuite, SteadyTimePassesWithWallTimeAndNeverGoesBack) {
    const microseconds steady = clock_->steady();
    const Timestamp wall = clock_->now();
    sleep_for(std::chrono::milliseconds(2), {}, std::chrono::milliseconds(2));
    EXPECT_GE(clock_->now(), wall + std::chrono::milliseconds(2));
    EXPECT_GE(clock_->steady(),
              steady + std::chrono::milliseconds(2) - std::chrono::microseconds(50));
    microseconds last = clock_->steady();
    for (int i = 0; i < 1000; ++i) {
        const microseconds now = clock_->steady();
        ASSERT_GE(now, last);
        last = now;
    }
}

TEST_P(ClockSuite, ManyThreadsSleepOnOneClock) {
    const Timestamp instant = clock_->now() + std::chrono::milliseconds(3);
    std::vector<std::jthread> sleepers;
    for (int i = 0; i < 8; ++i) {
        sleepers.emplace_back([&] {
            clock_->sleep_until(instant, {});
            EXPECT_GE(clock_->now(), instant);
        });
    }
    GetParam().pass(*clock_, std::chrono::milliseconds(3));
}

}  // namespace tapedeck
