#include "net/pacer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <thread>
#include <vector>

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using PaceTime = HostPace::Time;

constexpr PaceLimit kThirtyAMinute{30, 1min};

TEST(BurstOf, IsTenSecondsShareAtLeastTwelveAndAtMostTheCount) {
    EXPECT_EQ(burst_of({30, 1min}), 12);
    EXPECT_EQ(burst_of({600, 1min}), 100);
    EXPECT_EQ(burst_of({5, 1min}), 5);
    EXPECT_EQ(burst_of({1, 1s}), 1);
    EXPECT_EQ(burst_of({10, 1s}), 10);
    EXPECT_EQ(burst_of({1'000'000'000, 1ms}), 1'000'000'000);
}

TEST(HostPace, LetsASlotOfTwelveOutAtOnce) {
    HostPace pace;
    for (int i = 0; i < 12; ++i) EXPECT_EQ(pace.reserve(kThirtyAMinute, 5s), 5s) << i;
    EXPECT_EQ(pace.reserve(kThirtyAMinute, 5s), 7s);
    EXPECT_EQ(pace.reserve(kThirtyAMinute, 5s), 9s);
}

TEST(HostPace, NeverBurstsWhereThePaceIsPerSecond) {
    HostPace pace;
    for (int i = 0; i < 5; ++i) EXPECT_EQ(pace.reserve({1, 1s}, 0s), std::chrono::seconds(i));
}

TEST(HostPace, DoesNotSpendTheBudgetWhenOnlyAsked) {
    HostPace pace;
    for (int i = 0; i < 100; ++i) EXPECT_EQ(pace.next_start(kThirtyAMinute, 1s), 1s);
    EXPECT_EQ(pace.reserve(kThirtyAMinute, 1s), 1s);
}

TEST(HostPace, HasNoLimitAtCountZero) {
    HostPace pace;
    for (int i = 0; i < 10'000; ++i) ASSERT_EQ(pace.reserve({0, 1min}, 1s), 1s);
}

TEST(HostPace, StartsNothingBeforeAHoldEnds) {
    HostPace pace;
    pace.hold(60s);
    pace.hold(30s);
    EXPECT_EQ(pace.reserve(kThirtyAMinute, 1s), 60s);
    EXPECT_EQ(pace.reserve({0, 1min}, 1s), 60s);
    EXPECT_EQ(pace.reserve(kThirtyAMinute, 61s), 61s);
}

TEST(HostPace, CountsWhatASourceWithAnotherLimitAsked) {
    HostPace pace;
    for (int i = 0; i < 40; ++i) pace.reserve({1, 1s}, 0s);
    EXPECT_EQ(pace.reserve(kThirtyAMinute, 40s), 70s) << "30 starts stand in (9s, 39s]";
}

struct Asked {
    PaceLimit limit;
    std::vector<PaceTime> starts;
};

// Requests that come in heaps and pauses, drawn at random.
Asked drawn_requests() {
    HostPace pace;
    Asked asked{
        {*rc::gen::inRange(1, 100), std::chrono::milliseconds(*rc::gen::inRange(1, 100'000))}, {}};
    PaceTime now = 0s;
    const auto pauses = *rc::gen::container<std::vector<int>>(200, rc::gen::inRange(-5'000, 5'000));
    for (const int pause : pauses) {
        now += std::chrono::milliseconds(std::max(0, pause));
        const PaceTime start = pace.reserve(asked.limit, now);
        RC_ASSERT(start >= now);
        asked.starts.push_back(start);
    }
    return asked;
}

RC_GTEST_PROP(HostPace, NeverStartsMoreThanTheCountInAnySpan, ()) {
    const Asked asked = drawn_requests();
    const auto count = static_cast<std::size_t>(asked.limit.count);
    for (std::size_t i = count; i < asked.starts.size(); ++i) {
        RC_ASSERT(asked.starts[i] - asked.starts[i - count] >= asked.limit.per);
    }
}

RC_GTEST_PROP(HostPace, StartsInTheOrderOfReservation, ()) {
    const Asked asked = drawn_requests();
    RC_ASSERT(std::ranges::is_sorted(asked.starts));
}

RC_GTEST_PROP(HostPace, WastesNoBudget, ()) {
    const PaceLimit limit{*rc::gen::inRange(1, 100),
                          std::chrono::milliseconds(*rc::gen::inRange(1, 100'000))};
    const int requests = *rc::gen::inRange(1, 1'000);
    HostPace pace;
    PaceTime last = 0s;
    for (int i = 0; i < requests; ++i) last = pace.reserve(limit, 0s);
    RC_ASSERT(last <= PaceTime(limit.per) * ((requests - 1) / limit.count + 1));
}

TEST(Pacer, KeepsABudgetForEachHost) {
    Pacer pacer;
    EXPECT_EQ(pacer.reserve("a.com", {1, 1min}, 0s), 0s);
    EXPECT_EQ(pacer.reserve("b.com", {1, 1min}, 0s), 0s);
    EXPECT_EQ(pacer.reserve("a.com", {1, 1min}, 0s), 60s);
}

TEST(Pacer, TakesNothingForARequestThatWouldBeTooLate) {
    Pacer pacer;
    EXPECT_EQ(pacer.reserve_until("a.com", {1, 1min}, 0s, 30s), 0s);
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(pacer.reserve_until("a.com", {1, 1min}, 0s, 30s), std::nullopt);
    }
    EXPECT_EQ(pacer.reserve("a.com", {1, 1min}, 0s), 60s);
}

TEST(Pacer, HoldsOneHostAndNoOther) {
    Pacer pacer;
    pacer.hold("a.com", 90s);
    EXPECT_EQ(pacer.held_until("a.com"), 90s);
    EXPECT_LT(pacer.held_until("b.com"), 0s);
    EXPECT_EQ(pacer.reserve("a.com", kThirtyAMinute, 1s), 90s);
    EXPECT_EQ(pacer.reserve("b.com", kThirtyAMinute, 1s), 1s);
}

TEST(Pacer, SharesOneBudgetAmongThreads) {
    Pacer pacer;
    std::vector<std::vector<PaceTime>> starts(4);
    {
        std::vector<std::jthread> threads;
        for (auto& mine : starts) {
            threads.emplace_back([&pacer, &mine] {
                for (int i = 0; i < 250; ++i) mine.push_back(pacer.reserve("a.com", {100, 1s}, 0s));
            });
        }
    }
    std::vector<PaceTime> all;
    for (const auto& mine : starts) all.insert(all.end(), mine.begin(), mine.end());
    std::ranges::sort(all);
    ASSERT_EQ(all.size(), 1'000U);
    for (std::size_t i = 100; i < all.size(); ++i) ASSERT_GE(all[i] - all[i - 100], PaceTime(1s));
}

}  // namespace
}  // namespace tapedeck
