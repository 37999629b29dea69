#include "views/coverage_view.h"

#include <algorithm>

#include "tests/parts/test_parts.h"
#include "views/gap_runs.h"
#include "views/hand_tries.h"
#include "views/last_prices.h"
#include "views/source_health.h"
#include "views/tape_gaps.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using parts::feed_of;
using parts::kSlot;

class Views : public ::testing::Test {
protected:
    void SetUp() override {
        feeds["coin"] = feed_of({"bitcoin", "ethereum"}, {});
        ASSERT_TRUE(store->ensure_table(feeds["coin"].table));
        ASSERT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
        expected = {parts::expected_of(feeds["coin"])};
    }

    void run(const std::string& sql, std::vector<Value> values) {
        const std::vector<Statement> statements{{sql, std::move(values), 1}};
        auto done = store->transact(statements);
        ASSERT_TRUE(done) << done.error().what;
    }

    void cover(int number, const std::string& instrument, const std::string& state,
               const std::string& reason = "") {
        run("insert into coverage (feed, slot, instrument, state, reason, what, settled_at) values "
            "('coin', $1, $2, $3, $4, 'scripted', $1)",
            {kSlot + number * 5min, instrument, state, reason});
    }

    void price(int number, const std::string& instrument, const std::string& digits,
               std::int64_t revision = 0) {
        const Timestamp slot = kSlot + number * 5min;
        run("insert into coin_records (coin, price, date, instrument, slot, source, revision, "
            "recorded_at) values ($1, $2, $3, $1, $4, 'alpha', $5, $3)",
            {instrument, *Decimal::parse(digits), slot + 1s, slot, revision});
    }

    void attempt(int number, const std::string& instrument, const std::string& reason,
                 const std::string& what = "") {
        const Timestamp slot = kSlot + number * 5min;
        run("insert into attempts (run_id, try, instrument, ordinal, feed, slot, source, url, "
            "started, took_ms, status, bytes, reason, what) values ($1, 1, $2, 0, 'coin', $3, "
            "'alpha', '', $4, 1, 0, 0, $5, $6)",
            {std::to_string(number), instrument, slot, slot + 2s,
             reason.empty() ? Value() : Value(reason), what});
    }

    CoverageView view(int slots) {
        now = kSlot + slots * 5min;
        return {*store, tape, feeds, expected, now};
    }

    std::vector<std::string> runs(CoverageView coverage, const std::string& instrument = "") {
        std::vector<std::string> out;
        auto done =
            coverage.gap_runs("coin", instrument, {kSlot, now + 1us}, [&](const GapRun& run) {
                out.push_back(fmt::format("{} {} to {}, {}: {} {}", run.instrument,
                                          (run.first - kSlot) / 5min, (run.last - kSlot) / 5min,
                                          run.slots, to_string(run.verdict.state),
                                          run.verdict.reason));
                return Result<>();
            });
        EXPECT_TRUE(done) << done.error().what;
        return out;
    }

    parts::SkippingClock clock{kSlot + 1h};
    std::map<std::string, Feed> feeds;
    std::vector<Expectation> expected;
    Timestamp now;
    MemoryTape tape;
    std::unique_ptr<Store> store = parts::store_in_memory(clock);
};

TEST_F(Views, GapsThatFollowOneAnotherAreOneAndAPriceOrAnotherReasonEndsIt) {
    for (int slot = 0; slot < 6; ++slot) {
        cover(slot, "bitcoin", slot == 3 ? "recorded" : "failed", slot < 2 ? "timeout" : "tls");
        cover(slot, "ethereum", slot == 1 || slot == 2 ? "missed" : "recorded", "nobody_ran");
    }
    EXPECT_EQ(runs(view(6)), (std::vector<std::string>{
                                 "bitcoin 0 to 1, 2: failed timeout",
                                 "bitcoin 2 to 2, 1: failed tls",
                                 "ethereum 1 to 2, 2: missed nobody_ran",
                                 "bitcoin 4 to 5, 2: failed tls",
                             }));
    EXPECT_EQ(runs(view(6), "ethereum"),
              std::vector<std::string>{"ethereum 1 to 2, 2: missed nobody_ran"});
}

TEST_F(Views, GapsThatAreStoredAndThoseThatAreDerivedAreOne) {
    cover(0, "bitcoin", "recorded");
    cover(0, "ethereum", "recorded");
    cover(1, "bitcoin", "missed", "nobody_ran");
    cover(1, "ethereum", "missed", "nobody_ran");
    EXPECT_EQ(runs(view(4)), (std::vector<std::string>{"bitcoin 1 to 3, 3: missed nobody_ran",
                                                       "ethereum 1 to 3, 3: missed nobody_ran"}));
}

TEST_F(Views, WhatMayWaitOnThisMachineIsNoGap) {
    cover(0, "bitcoin", "missed", "nobody_ran");
    cover(0, "ethereum", "recorded");
    now = kSlot + 4 * 5min;
    const auto shown = [&](std::optional<HeldBack> held_back) {
        return CoverageView(*store, tape, feeds, expected, now, std::move(held_back));
    };
    const HeldBack held{kSlot + 5min, "may wait in the spool"};
    EXPECT_EQ(runs(shown(held)), std::vector<std::string>{"bitcoin 0 to 0, 1: missed nobody_ran"});
    EXPECT_EQ(runs(shown({})), (std::vector<std::string>{"bitcoin 0 to 3, 4: missed nobody_ran",
                                                         "ethereum 1 to 3, 3: missed nobody_ran"}));
    const auto totals = shown(held).totals("coin", kSlot);
    ASSERT_TRUE(totals);
    EXPECT_EQ(totals->all.sum.of(CoverageState::pending), 6);
    EXPECT_EQ(totals->all.sum.of(CoverageState::missed), 1);
    const auto one = shown(held).one("coin", kSlot + 5min, "bitcoin");
    ASSERT_TRUE(one && *one);
    EXPECT_EQ((*one)->verdict, (Verdict{CoverageState::pending, {}, "may wait in the spool"}));
}

TEST_F(Views, TotalsCountWhatIsStoredAndWhatIsDerived) {
    cover(0, "bitcoin", "recorded");
    cover(0, "ethereum", "failed", "timeout");
    cover(1, "bitcoin", "failed", "timeout");
    cover(1, "ethereum", "failed", "timeout");
    const auto totals = view(4).totals("coin", kSlot + 5min);
    ASSERT_TRUE(totals) << totals.error().what;
    const CoverageTotal& all = totals->all;
    EXPECT_EQ(all.sum.expected, 8);
    EXPECT_EQ(all.sum.of(CoverageState::recorded), 1);
    EXPECT_EQ(all.sum.of(CoverageState::failed), 3);
    EXPECT_EQ(all.sum.of(CoverageState::missed), 4);
    EXPECT_EQ(totals->today.sum.expected, 6);
    EXPECT_EQ(all.last_price, kSlot);
    EXPECT_EQ(all.last_settled, kSlot + 15min);
}

TEST_F(Views, OneSlotOfOneInstrument) {
    cover(0, "bitcoin", "failed", "timeout");
    cover(0, "ethereum", "recorded");
    auto coverage = view(2);
    const auto one = coverage.one("coin", kSlot, "bitcoin");
    ASSERT_TRUE(one && *one);
    EXPECT_EQ((**one).verdict.reason, "timeout");
    const auto nothing = coverage.one("coin", kSlot + 1min, "bitcoin");
    ASSERT_TRUE(nothing);
    EXPECT_FALSE(*nothing);
}

TEST_F(Views, TheLastPriceIsFoundHoweverLongAgoAndOfRevisionsTheHighest) {
    for (int slot = 0; slot < 2'000; ++slot) {
        cover(slot, "bitcoin", "recorded");
        cover(slot, "ethereum", slot == 3 ? "recorded" : "failed", "timeout");
    }
    price(3, "ethereum", "1641.10");
    price(1'999, "bitcoin", "22470.52");
    price(1'999, "bitcoin", "22470.53", 1);
    feeds["coin"].instruments = {"dogecoin", "ethereum", "bitcoin"};
    const auto prices = last_prices(*store, feeds["coin"]);
    ASSERT_TRUE(prices) << prices.error().what;
    ASSERT_EQ(prices->size(), 3U);
    EXPECT_FALSE((*prices)[0].price);
    EXPECT_EQ((*prices)[1].price->to_string(), "1641.10");
    EXPECT_EQ((*prices)[2].price->to_string(), "22470.53");
}

TEST_F(Views, ASourceIsAnsweringFailingOrRestingAndSaysSinceWhen) {
    const auto health = [&] {
        auto one = source_health(*store, "alpha", kSlot + 1h);
        EXPECT_TRUE(one) << one.error().what;
        return one ? *one : SourceHealth{};
    };
    EXPECT_EQ(health().state, SourceHealth::State::unasked);
    attempt(0, "bitcoin", "");
    attempt(0, "unknown", "not_found", "no such coin");
    EXPECT_EQ(health().state, SourceHealth::State::answering);
    attempt(1, "bitcoin", "timeout", "no answer");
    attempt(2, "bitcoin", "throttled", "status 429");
    SourceHealth now_failing = health();
    EXPECT_EQ(now_failing.state, SourceHealth::State::failing);
    EXPECT_EQ(now_failing.since, kSlot + 5min + 2s);
    EXPECT_EQ(now_failing.last_price, kSlot + 2s);
    attempt(3, "bitcoin", "resting", "rests");
    SourceHealth at_rest = health();
    EXPECT_EQ(at_rest.state, SourceHealth::State::resting);
    EXPECT_EQ(at_rest.reason, Reason::throttled);
    EXPECT_EQ(at_rest.what, "status 429");
}

TEST_F(Views, WhatTheTapeLostIsListed) {
    run("insert into tape_gaps (topic, partition, from_offset, to_offset, recorded_at) values "
        "('coin_topic', 2, 10, 15, $1)",
        {kSlot});
    std::vector<std::string> seen;
    const auto look = [&](const std::string& topic, Timestamp to) {
        auto done = each_tape_gap(*store, topic, kSlot, to, [&](const LostMessages& lost) {
            seen.push_back(fmt::format("{}[{}] {} to {}", lost.gap.at.topic,
                                       lost.gap.at.partition.value(), lost.gap.from.value(),
                                       lost.gap.to.value()));
            return Result<>();
        });
        EXPECT_TRUE(done);
    };
    look("", kSlot);
    look("stock_topic", kSlot + 1s);
    EXPECT_TRUE(seen.empty());
    look("coin_topic", kSlot + 1s);
    EXPECT_EQ(seen, std::vector<std::string>{"coin_topic[2] 10 to 15"});
}

// Issue 10: the failed try of a hand-made collect was in `attempts`, and no verb knew of it.
TEST_F(Views, ATryByHandForASlotThatNobodyExpectedIsKnown) {
    const auto outcome = [&](const std::string& run_id, const std::string& instrument) {
        run("insert into outcomes (run_id, feed, slot, try, instrument, state, reason, what, "
            "source, rule, config, collector, started, ended, recorded_at) values ($1, 'coin', $3, "
            "1, $2, 'failed', 'timeout', 'no answer', '', '', '', '', $3, $3, $3)",
            {run_id, instrument, kSlot});
    };
    outcome("manual/coin/a/1", "bitcoin");
    outcome("manual/coin/a/2", "bitcoin");
    outcome("manual/coin/a/1", "ethereum");
    outcome("coin_market_record/a", "dogecoin");
    cover(0, "ethereum", "failed", "timeout");
    std::vector<std::string> seen;
    auto done = each_failed_hand_try(*store, "", "", kSlot, kSlot + 1s, [&](const HandTry& one) {
        seen.push_back(one.run_id + " " + one.instrument + " " + one.reason);
        return Result<>();
    });
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_EQ(seen, std::vector<std::string>{"manual/coin/a/2 bitcoin timeout"});
}

TEST(GapRuns, OfSlotsThatTheScheduleNoLongerKnowsNothingIsLost) {
    std::int64_t slots = 0;
    const GapRunSink sink = [&](const GapRun& run) {
        slots += run.slots;
        return Result<>();
    };
    GapRuns runs({kSlot, kSlot + 10min}, sink);
    for (int slot = 0; slot < 5; ++slot) {
        ASSERT_TRUE(runs.add(
            {"coin", kSlot + slot * 5min, "bitcoin", {CoverageState::missed, "nobody_ran", ""}}));
    }
    ASSERT_TRUE(runs.finish());
    EXPECT_EQ(slots, 5);
}

}  // namespace
}  // namespace tapedeck
