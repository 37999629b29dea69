#include "coverage/coverage_windows.h"

#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using parts::feed_of;
using parts::kSlot;

// Counts what is asked of the tape.
class CountingTape : public MemoryTape {
public:
    Result<std::vector<Partition>> partitions(const std::string& topic) override {
        ++asked;
        return MemoryTape::partitions(topic);
    }
    int asked = 0;
};

class CoverageWindows : public ::testing::Test {
protected:
    void SetUp() override {
        feeds["coin"] = feed_of({"bitcoin", "ethereum"}, {});
        ASSERT_TRUE(store->ensure_table(feeds["coin"].table));
        ASSERT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
    }

    void run(const std::string& state, const std::string& what) {
        const std::vector<Statement> statements{
            {"insert into dag_runs (run_id, dag, slot, kind, state, created_at) values ('r', "
             "'coin_market_record', $1, 'scheduled', $2, $1)",
             {kSlot, state},
             1},
            {"insert into task_tries (run_id, task, try, state, started_at, what) values ('r', "
             "'collect', 1, $2, $1, $3)",
             {kSlot, state == "running" ? std::string("running") : std::string("failed"), what},
             1}};
        ASSERT_TRUE(store->transact(statements));
    }

    Verdict first_verdict(Timestamp now) {
        CoverageLedger ledger(*store, tape, feeds);
        const std::vector<Expectation> expected{parts::expected_of(feeds["coin"])};
        auto rows = parts::derived(ledger, expected, kSlot, kSlot + 1min, now);
        EXPECT_TRUE(rows && !rows->empty());
        return rows && !rows->empty() ? rows->front().verdict : Verdict{};
    }

    parts::SkippingClock clock{kSlot + 1h};
    std::map<std::string, Feed> feeds;
    CountingTape tape;
    std::unique_ptr<Store> store = parts::store_in_memory(clock);
};

// Issue 10: a run that was killed said "nobody_ran: no run asked for it".
TEST_F(CoverageWindows, NobodyRanOnlyWhereNoRunBegan) {
    EXPECT_EQ(first_verdict(kSlot + 9min).reason, "nobody_ran");
    run("running", "");
    EXPECT_EQ(first_verdict(kSlot + 1min).state, CoverageState::pending);
    const Verdict killed = first_verdict(kSlot + 9min);
    EXPECT_EQ(killed.state, CoverageState::missed);
    EXPECT_EQ(killed.reason, "interrupted");
}

TEST_F(CoverageWindows, ARunThatCouldNotWriteItsAccountSaysWhyNot) {
    run("failed", "putting the account of r on the tape: database or disk is full");
    const Verdict verdict = first_verdict(kSlot + 9min);
    EXPECT_EQ(verdict.state, CoverageState::missed);
    EXPECT_EQ(verdict.reason, "no_account");
    EXPECT_EQ(verdict.what, "putting the account of r on the tape: database or disk is full");
}

TEST_F(CoverageWindows, ALongSpanIsGivenInOrderEveryStateOnce) {
    const std::vector<Expectation> expected{parts::expected_of(feeds["coin"])};
    const Timestamp end = kSlot + 5min * 15'000;
    int windows = 0;
    std::vector<std::pair<Timestamp, std::string>> seen;
    auto done = derive_windows(*store, tape, feeds["coin"], expected, kSlot, end, end,
                               [&](const DerivedWindow& window) -> Result<> {
                                   ++windows;
                                   for (const CoverageRow& row : window.rows) {
                                       EXPECT_GE(row.slot, window.from);
                                       EXPECT_LT(row.slot, window.to);
                                       seen.emplace_back(row.slot, row.instrument);
                                   }
                                   return {};
                               });
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_GT(windows, 1);
    EXPECT_TRUE(std::ranges::is_sorted(seen));
    EXPECT_EQ(seen.size(), 30'000U);
    EXPECT_EQ(std::ranges::adjacent_find(seen), seen.end());
}

TEST_F(CoverageWindows, OfOneInstrumentTheSameIsDerivedAsOfAll) {
    const std::vector<Expectation> expected{parts::expected_of(feeds["coin"])};
    const auto derive = [&](const std::string& only) {
        std::vector<std::pair<Timestamp, CoverageState>> states;
        auto done = derive_windows(
            *store, tape, feeds["coin"], expected, kSlot, kSlot + 21min, kSlot + 21min,
            [&](const DerivedWindow& window) -> Result<> {
                for (const CoverageRow& row : window.rows) {
                    if (row.instrument != "ethereum") continue;
                    states.emplace_back(row.slot, row.verdict.state);
                }
                return {};
            },
            only);
        EXPECT_TRUE(done);
        return states;
    };
    EXPECT_EQ(derive("ethereum"), derive(""));
    EXPECT_EQ(derive("ethereum").size(), 5U);
    EXPECT_TRUE(derive("bitcoin").empty());
}

// Issue 10: each look asked the broker once per entry of the configuration's history.
TEST_F(CoverageWindows, SettlingAsksForEachTopicOnceHoweverOftenTheConfigurationChanged) {
    std::vector<Expectation> expected;
    for (int change = 0; change < 100; ++change) {
        Expectation one = parts::expected_of(feeds["coin"], kSlot + change * 1min);
        one.to = change < 99 ? kSlot + (change + 1) * 1min : Timestamp::max();
        expected.push_back(one);
    }
    CoverageLedger ledger(*store, tape, feeds);
    auto settled = ledger.settle(expected, kSlot + 100min);
    ASSERT_TRUE(settled) << settled.error().what;
    EXPECT_EQ(settled->changed, 20 * 2);
    EXPECT_EQ(tape.asked, 2);  // for accounts and prices
}

TEST_F(CoverageWindows, ASlotThatStaysPendingDoesNotOpenAllThatCameAfterIt) {
    const auto cover = [&](Timestamp slot, const std::string& state) {
        const std::vector<Statement> statements{
            {"insert into coverage (feed, slot, instrument, state, settled_at) values ('coin', $1, "
             "'bitcoin', $2, $1)",
             {slot, state},
             1}};
        ASSERT_TRUE(store->transact(statements));
    };
    cover(kSlot, "pending");
    cover(kSlot + 5min, "recorded");
    cover(kSlot + 10min, "pending");
    cover(kSlot + 72h, "recorded");
    CoverageLedger ledger(*store, tape, feeds);
    const auto spans = ledger.open_spans("coin", kSlot - 1h, kSlot + 73h);
    ASSERT_TRUE(spans) << spans.error().what;
    EXPECT_EQ(*spans, (std::vector<SlotSpan>{{kSlot, kSlot + 10min + 1us},
                                             {kSlot + 72h + 1us, kSlot + 73h}}));
}

TEST_F(CoverageWindows, TellsWhenTheNextPendingSlotIsGivenUpAlsoOfADailyDag) {
    auto daily = Schedule::make({"5 0 * * *"});
    ASSERT_TRUE(daily);
    std::vector<Expectation> expected{parts::expected_of(feeds["coin"])};
    expected[0].schedule = std::make_shared<const Schedule>(*std::move(daily));
    CoverageLedger ledger(*store, tape, feeds);
    auto settled = ledger.settle(expected, kSlot + 3h);
    ASSERT_TRUE(settled) << settled.error().what;
    EXPECT_EQ(settled->next, kSlot + 12h);
    settled = ledger.settle(expected, kSlot + 12h);
    ASSERT_TRUE(settled);
    EXPECT_EQ(settled->next, std::nullopt);
    EXPECT_EQ(settled->changed, 2);
}

}  // namespace
}  // namespace tapedeck
