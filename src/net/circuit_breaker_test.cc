#include "net/circuit_breaker.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using enum BreakerState;
using Time = CircuitBreaker::Time;

CircuitBreaker opened_at(Time now) {
    CircuitBreaker breaker;
    for (int i = 0; i < 5; ++i) breaker.failed(Reason::timeout, now);
    return breaker;
}

TEST(CircuitBreaker, OpensAfterFiveFailuresInARow) {
    CircuitBreaker breaker;
    for (int i = 0; i < 4; ++i) breaker.failed(Reason::timeout, 0s);
    EXPECT_EQ(breaker.state(0s), closed);
    EXPECT_TRUE(breaker.allow(0s));
    breaker.failed(Reason::refused, 0s);
    EXPECT_EQ(breaker.state(0s), open);
    EXPECT_FALSE(breaker.allow(0s));
    EXPECT_EQ(breaker.failures(), 5);
    EXPECT_EQ(breaker.rest_left(20s), Time(40s));
}

TEST(CircuitBreaker, CountsFromZeroAfterASuccess) {
    CircuitBreaker breaker;
    for (int i = 0; i < 100; ++i) {
        breaker.failed(Reason::timeout, 0s);
        if (i % 4 == 3) breaker.succeeded();
    }
    EXPECT_EQ(breaker.state(0s), closed);
}

TEST(CircuitBreaker, DoesNotCountWhatSpeaksOfOneInstrument) {
    CircuitBreaker breaker;
    for (const Reason reason : {Reason::not_found, Reason::wrong_instrument, Reason::stale,
                                Reason::out_of_time, Reason::tape, Reason::interrupted}) {
        for (int i = 0; i < 100; ++i) breaker.failed(reason, 0s);
    }
    EXPECT_EQ(breaker.state(0s), closed);
    EXPECT_EQ(breaker.failures(), 0);
}

TEST(CircuitBreaker, LetsOneThroughOnceRestedAndClosesOnItsSuccess) {
    CircuitBreaker breaker = opened_at(0s);
    EXPECT_FALSE(breaker.allow(59s));
    EXPECT_EQ(breaker.state(60s), half_open);
    EXPECT_TRUE(breaker.allow(60s));
    EXPECT_FALSE(breaker.allow(60s));
    breaker.succeeded();
    EXPECT_EQ(breaker.state(60s), closed);
    EXPECT_TRUE(breaker.allow(60s));
    EXPECT_TRUE(breaker.allow(60s));
}

TEST(CircuitBreaker, RestsTwiceAsLongAfterEachFailedTrialUpToAnHour) {
    CircuitBreaker breaker = opened_at(0s);
    Time now = 0s;
    for (const auto rest : {1min, 2min, 4min, 8min, 16min, 32min, 60min, 60min}) {
        EXPECT_EQ(breaker.rest_left(now), Time(rest));
        now += rest;
        ASSERT_TRUE(breaker.allow(now));
        breaker.failed(Reason::server_error, now);
        EXPECT_EQ(breaker.state(now), open);
    }
    now += 60min;
    ASSERT_TRUE(breaker.allow(now));
    breaker.succeeded();
    for (int i = 0; i < 5; ++i) breaker.failed(Reason::timeout, now);
    EXPECT_EQ(breaker.rest_left(now), Time(1min)) << "a success starts the ladder anew";
}

TEST(CircuitBreaker, RestsOnceForAWholeSlotOfFailures) {
    CircuitBreaker breaker = opened_at(0s);
    for (int i = 0; i < 100; ++i) breaker.failed(Reason::timeout, 1s);
    EXPECT_EQ(breaker.rest_left(1s), Time(59s));
    EXPECT_TRUE(breaker.allow(60s));
}

TEST(CircuitBreaker, ClosesWhenATrialIsAnsweredThoughTheInstrumentIsUnknown) {
    CircuitBreaker breaker = opened_at(0s);
    ASSERT_TRUE(breaker.allow(60s));
    breaker.failed(Reason::not_found, 60s);
    EXPECT_EQ(breaker.state(60s), closed);
}

TEST(CircuitBreaker, GivesTheTrialToTheNextWhenOneWasInterrupted) {
    CircuitBreaker breaker = opened_at(0s);
    ASSERT_TRUE(breaker.allow(60s));
    breaker.failed(Reason::interrupted, 61s);
    EXPECT_EQ(breaker.state(61s), half_open);
    EXPECT_TRUE(breaker.allow(61s));
}

TEST(CircuitBreaker, TakesATrialThatNeverEndedAsLost) {
    CircuitBreaker breaker = opened_at(0s);
    ASSERT_TRUE(breaker.allow(60s));
    EXPECT_FALSE(breaker.allow(119s));
    EXPECT_TRUE(breaker.allow(120s));
}

// Whatever happens in whatever order: a rest is never longer than the longest, and a source is
// always asked again.
RC_GTEST_PROP(CircuitBreaker, AlwaysAsksAgainWithinTheLongestRest, ()) {
    CircuitBreaker breaker;
    Time now = 0s;
    const auto steps = *rc::gen::container<std::vector<int>>(100, rc::gen::inRange(0, 300));
    for (const int step : steps) {
        now += std::chrono::seconds(step);
        switch (step % 4) {
            case 0:
                breaker.allow(now);
                break;
            case 1:
                breaker.failed(Reason::timeout, now);
                break;
            case 2:
                breaker.failed(Reason::malformed, now);
                break;
            default:
                if (step % 3 == 0) breaker.succeeded();
                breaker.failed(Reason::interrupted, now);
        }
        RC_ASSERT(breaker.rest_left(now) <= Time(1h));
        CircuitBreaker later = breaker;
        RC_ASSERT(later.allow(now + 1h + 1min));
    }
}

TEST(SpeaksOfSource, IsDecidedForEveryReason) {
    int of_source = 0;
    for (const auto& row : reason_table()) of_source += speaks_of_source(row.reason) ? 1 : 0;
    EXPECT_EQ(of_source, 15);
    EXPECT_TRUE(speaks_of_source(Reason::consent));
    EXPECT_FALSE(speaks_of_source(Reason::not_positive));
}

}  // namespace
}  // namespace tapedeck
