#include "base/clock.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>

#include "tests/conformance/clock_suite.h"
#include "tests/conformance/waiting_clock.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;

const Timestamp kStart = std::chrono::sys_days(std::chrono::year(2026) / 11 / 24);

void pass_by_itself(Clock&, microseconds) {}
void pass_by_hand(Clock& clock, microseconds by) { dynamic_cast<ManualClock&>(clock).advance(by); }

INSTANTIATE_TEST_SUITE_P(
    Base, ClockSuite,
    testing::Values(
        ClockUnderTest{"System", [] { return std::make_unique<SystemClock>(); }, pass_by_itself},
        ClockUnderTest{"Scaled60", [] { return std::make_unique<ScaledClock>(kStart, 60); },
                       pass_by_itself},
        ClockUnderTest{"ScaledHalf", [] { return std::make_unique<ScaledClock>(kStart, 0.5); },
                       pass_by_itself},
        ClockUnderTest{"Manual", [] { return std::make_unique<ManualClock>(kStart); },
                       pass_by_hand}),
    [](const auto& suite) { return suite.param.name; });

TEST(SystemClock, IsTheMachinesWallClock) {
    const auto before = std::chrono::system_clock::now();
    const Timestamp now = SystemClock().now();
    EXPECT_GE(now + 1us, before);
    EXPECT_LE(now, std::chrono::system_clock::now());
}

// Lets this process open nothing more while it lives.
class NoDescriptors {
public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit none = before_;
        none.rlim_cur = 0;
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

private:
    rlimit before_{};
};

// The recorder's schedule goes on where a slot has taken every descriptor.
TEST(ClockWithoutADescriptor, SleepsToTheInstantAndUntilAStop) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP()
        << "UBSan looks at an object through a pipe, and there is no descriptor for one; the "
           "build with the thread sanitizer runs this";
#endif
    const NoDescriptors none;
    SystemClock system;
    ScaledClock scaled(kStart, 60);
    for (Clock* clock : {static_cast<Clock*>(&system), static_cast<Clock*>(&scaled)}) {
        const Timestamp instant = clock->now() + 3ms;
        clock->sleep_until(instant, {});
        EXPECT_GE(clock->now(), instant);
        const Timestamp far = clock->now() + std::chrono::hours(24 * 365);
        std::stop_source stop;
        std::jthread sleeper([&] { clock->sleep_until(far, stop.get_token()); });
        stop.request_stop();
        sleeper.join();
        EXPECT_LT(clock->now(), far);
    }
}

TEST(ScaledClock, RunsAsManyTimesFasterAsItIsTold) {
    const auto real = std::chrono::steady_clock::now();
    ScaledClock clock(kStart, 3600);
    EXPECT_GE(clock.now(), kStart);
    clock.sleep_until(kStart + 10s, {});  // 2.8 ms
    const auto scaled = clock.now() - kStart;
    const auto passed = std::chrono::steady_clock::now() - real;
    EXPECT_GE(scaled, 10s);
    EXPECT_LE(scaled, std::chrono::ceil<microseconds>(passed * 3600));
}

TEST(ManualClock, StandsStillUntilToldToAdvance) {
    ManualClock clock(kStart);
    EXPECT_EQ(clock.now(), kStart);
    EXPECT_EQ(clock.steady(), 0us);
    clock.advance(90s);
    EXPECT_EQ(clock.now(), kStart + 90s);
    EXPECT_EQ(clock.steady(), 90s);
}

TEST(ManualClock, AStepMovesWallTimeAlone) {
    ManualClock clock(kStart);
    clock.step(-1h);
    EXPECT_EQ(clock.now(), kStart - 1h);
    EXPECT_EQ(clock.steady(), 0us);
}

// A sleeper may arrive after the step, and then has nothing to wake it: so steps are made until
// it has returned.
TEST(ManualClock, AStepEitherWayWakesASleeper) {
    for (const microseconds by : {microseconds(-1s), microseconds(1s)}) {
        ManualClock clock(kStart);
        std::atomic<bool> woken = false;
        std::jthread sleeper([&] {
            clock.sleep_until(kStart + std::chrono::hours(1'000'000), {});
            woken = true;
        });
        while (!woken) {
            clock.step(by);
            std::this_thread::yield();
        }
        EXPECT_LT(clock.now(), kStart + std::chrono::hours(1'000'000));
    }
}

// The tests' clock that passes by itself: who waits for another process's answer sleeps, too.
TEST(WaitingClock, PassesForNoSleeperWhileItIsNotQuiet) {
    for (const bool on_another_thread : {false, true}) {
        WaitingClock clock(kStart, kStart + 1h);
        std::atomic<int> asked = 0;
        clock.quiet = [&] { return ++asked > 3; };
        const auto sleep = [&] { clock.sleep_until(kStart + 1s, {}); };
        if (on_another_thread) {
            std::jthread{sleep};
        } else {
            sleep();
        }
        EXPECT_GT(asked, 3);
        EXPECT_EQ(clock.now(), kStart + 1s);
    }
}

}  // namespace
}  // namespace tapedeck
