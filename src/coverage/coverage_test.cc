#include "coverage/coverage.h"

#include "alerts/problems.h"
#include "coverage/audit.h"
#include "tests/crash/faults.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using parts::feed_of;
using parts::kSlot;

Outcome::Sent sent_at(std::int64_t offset) {
    return {"coin_topic", Partition(0), Offset(offset), "alpha", "json"};
}

TEST(Derive, EveryStateFollowsFromFactsAlone) {
    SlotFacts slot;
    slot.give_up = kSlot + 150s;
    const Timestamp early = kSlot + 10s;
    const Timestamp late = kSlot + 200s;
    InstrumentFacts nothing;
    const auto state = [&](const SlotFacts& of, const InstrumentFacts& one,
                           std::optional<Offset> loaded, bool listed,
                           Timestamp now) { return derive(of, one, loaded, listed, now).state; };
    InstrumentFacts row;
    row.row = true;
    EXPECT_EQ(state(slot, row, {}, true, late), CoverageState::recorded);
    row.row_by_fill = true;
    EXPECT_EQ(state(slot, row, {}, true, late), CoverageState::recovered);

    SlotFacts closed = slot;
    closed.open = false;
    EXPECT_EQ(state(closed, nothing, {}, true, late), CoverageState::closed);

    InstrumentFacts sent;
    sent.sent = sent_at(7);
    EXPECT_EQ(state(slot, sent, Offset(7), true, late), CoverageState::pending);
    const auto lost_by = [&](const std::string& reason, std::string what) {
        return Verdict{CoverageState::lost, reason, std::move(what)};
    };
    EXPECT_EQ(derive(slot, sent, Offset(8), true, late),
              lost_by("no_row", "the ledger is past coin_topic[0] offset 7"));
    sent.in_gap = true;
    EXPECT_EQ(
        derive(slot, sent, Offset(8), true, late),
        lost_by("tape_gap", "coin_topic[0] offset 7 was gone from the tape before it was loaded"));
    sent.in_gap = false;
    sent.dead_letter = true;
    EXPECT_EQ(state(slot, sent, Offset(8), true, late), CoverageState::failed);

    InstrumentFacts failed;
    failed.reason = "throttled";
    EXPECT_EQ(state(slot, failed, {}, true, early), CoverageState::failed);
    SlotFacts running = slot;
    running.run_open = true;
    EXPECT_EQ(state(running, failed, {}, true, early), CoverageState::pending);
    EXPECT_EQ(state(running, failed, {}, true, slot.give_up), CoverageState::pending);
    EXPECT_EQ(state(running, failed, {}, true, slot.give_up + kLastAccount), CoverageState::failed);

    EXPECT_EQ(state(slot, nothing, {}, true, early), CoverageState::pending);
    EXPECT_EQ(state(slot, nothing, {}, true, late), CoverageState::missed);
    EXPECT_EQ(state(slot, nothing, {}, false, late), CoverageState::withdrawn);
    SlotFacts waiting = slot;
    waiting.waits = "may wait in the spool";
    EXPECT_EQ(derive(waiting, nothing, {}, true, early), (Verdict{CoverageState::pending, {}, {}}));
    const Verdict waits{CoverageState::pending, {}, "may wait in the spool"};
    EXPECT_EQ(derive(waiting, nothing, {}, true, late), waits);
    EXPECT_EQ(derive(waiting, nothing, {}, false, late), waits);
    EXPECT_EQ(derive(waiting, failed, {}, true, late), waits);
    EXPECT_EQ(state(waiting, row, {}, true, late), CoverageState::recovered);
}

// A store and a tape in memory, and a feed that is expected every five minutes.
class CoverageTest : public ::testing::Test {
protected:
    void SetUp() override {
        feeds["coin"] = feed_of({"bitcoin", "ethereum"}, {});
        ASSERT_TRUE(store->ensure_table(feeds["coin"].table));
        ASSERT_TRUE(tape.ensure_topic("coin_topic", 1));
        ASSERT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
        expected = {parts::expected_of(feeds["coin"])};
    }

    void begin_run(Timestamp slot) {
        const std::vector<Statement> begun{
            {"insert into dag_runs (run_id, dag, slot, kind, state, created_at) values ('r', "
             "'coin_market_record', $1, 'scheduled', 'running', $1)",
             {slot},
             1}};
        ASSERT_TRUE(store->transact(begun));
    }

    std::optional<Outcome::Sent> send_unaccounted(const std::string& coin, Timestamp slot,
                                                  const std::string& digits) {
        Found found{0, {}, "alpha", "", slot + 1s};
        found.reading.instrument = coin;
        found.reading.price = *Decimal::parse(digits);
        found.reading.rule = "json";
        const std::vector<OutgoingMessage> messages{message_of(feeds["coin"], slot, found)};
        auto done = tape.append(messages);
        EXPECT_TRUE(done && (*done)[0]);
        if (!done || !(*done)[0]) return std::nullopt;
        return sent_at((*done)[0]->offset.value());
    }

    void send(const std::string& coin, Timestamp slot, const std::string& digits) {
        Outcome outcome;
        outcome.instrument = coin;
        outcome.sent = send_unaccounted(coin, slot, digits);
        ASSERT_TRUE(outcome.sent);
        account(parts::run_of(feeds["coin"], slot, {outcome}));
    }

    void fail(const std::string& coin, Timestamp slot, Reason reason) {
        Outcome outcome;
        outcome.instrument = coin;
        outcome.reason = reason;
        outcome.what = "scripted";
        account(parts::run_of(feeds["coin"], slot, {outcome}, 2));
    }

    void account(const RunOutcomes& run) {
        const std::vector<OutgoingMessage> messages{
            {std::string(kOutcomesTopic), "coin", encode_outcomes(run), run.ended, {}}};
        auto done = tape.append(messages);
        ASSERT_TRUE(done && (*done)[0]);
    }

    void load() {
        Loader loader(tape, *store, clock, log, parts::loading_of(feeds["coin"]));
        auto done = loader.run({}, true);
        ASSERT_TRUE(done) << done.error().what;
    }

    std::map<std::string, std::string> settle(Timestamp now) {
        CoverageLedger ledger(*store, tape, feeds);
        auto changed = ledger.settle(expected, now);
        EXPECT_TRUE(changed);
        auto rows = ledger.stored("coin", kSlot, now);
        EXPECT_TRUE(rows);
        std::map<std::string, std::string> states;
        for (const CoverageRow& row : *rows) {
            states[row.instrument + " " + format_rfc3339(row.slot).substr(11, 5)] =
                std::string(to_string(row.verdict.state)) +
                (row.verdict.reason.empty() ? "" : " " + row.verdict.reason);
        }
        return states;
    }

    parts::SkippingClock clock{kSlot + 1h};
    Log log{-1, LogFormat::text, Severity::error, clock};
    std::map<std::string, Feed> feeds;
    std::vector<Expectation> expected;
    MemoryTape tape;
    std::unique_ptr<Store> store = parts::store_in_memory(clock);
};

TEST_F(CoverageTest, PendingDrainsIntoRecordedFailedAndMissed) {
    EXPECT_EQ(settle(kSlot + 10s),
              (std::map<std::string, std::string>{{"bitcoin 00:05", "pending"},
                                                  {"ethereum 00:05", "pending"}}));
    send("bitcoin", kSlot, "10.5");
    fail("ethereum", kSlot, Reason::throttled);
    EXPECT_EQ(settle(kSlot + 20s)["bitcoin 00:05"], "pending");
    load();
    const auto states = settle(kSlot + 8min);
    EXPECT_EQ(states,
              (std::map<std::string, std::string>{{"bitcoin 00:05", "recorded"},
                                                  {"ethereum 00:05", "failed throttled"},
                                                  {"bitcoin 00:10", "missed nobody_ran"},
                                                  {"ethereum 00:10", "missed nobody_ran"}}));
}

// A recorder noticed that its file was no longer the database, and nothing of its slots came here.
TEST_F(CoverageTest, WhatWentIntoAFileThatWasReplacedIsMissedForThatReason) {
    const std::vector<Statement> noted{
        {"insert into replacements (since, noticed_at, what, rescued) values ($1, $2, 'moved', '')",
         {kSlot - 1h, kSlot + 1min},
         {}}};
    ASSERT_TRUE(store->transact(noted));
    send("bitcoin", kSlot, "10.5");
    load();
    EXPECT_EQ(settle(kSlot + 8min),
              (std::map<std::string, std::string>{{"bitcoin 00:05", "recorded"},
                                                  {"ethereum 00:05", "missed database_replaced"},
                                                  {"bitcoin 00:10", "missed nobody_ran"},
                                                  {"ethereum 00:10", "missed nobody_ran"}}));
}

TEST_F(CoverageTest, WhatComesAfterASlotWasGivenUpSettlesItAnew) {
    EXPECT_EQ(settle(kSlot + 9min)["bitcoin 00:05"], "missed nobody_ran");
    CoverageLedger ledger(*store, tape, feeds);
    ASSERT_TRUE(ledger.settle(expected, kSlot + 9min));  // the first look
    fail("bitcoin", kSlot, Reason::throttled);
    load();
    auto changed = ledger.settle(expected, kSlot + 10min);
    ASSERT_TRUE(changed) << changed.error().what;
    EXPECT_EQ(settle(kSlot + 10min)["bitcoin 00:05"], "failed throttled");
    send("ethereum", kSlot, "11");  // a row that no account tells of, seen by the next process
    load();
    EXPECT_EQ(settle(kSlot + 11min)["ethereum 00:05"], "recorded");
}

TEST_F(CoverageTest, AnAccountIsLateBySetBackClocksToo) {
    const Timestamp ahead = clock.now() + 1h;
    const std::vector<std::pair<Timestamp, std::string>> moments{{ahead, "bitcoin"},
                                                                 {clock.now(), "ethereum"}};
    for (const auto& [settled, coin] : moments) {
        CoverageLedger ledger(*store, tape, feeds);
        ASSERT_TRUE(ledger.settle(expected, settled));
        ASSERT_TRUE(ledger.settle(expected, settled));  // not the first look
        fail(coin, kSlot, Reason::throttled);
        load();
        ASSERT_TRUE(ledger.settle(expected, settled + 1s));
        const auto rows = ledger.stored("coin", kSlot, kSlot + 1s);
        ASSERT_TRUE(rows);
        const auto row = std::ranges::find(*rows, coin, &CoverageRow::instrument);
        ASSERT_NE(row, rows->end());
        EXPECT_EQ(row->verdict.state, CoverageState::failed) << coin;
    }
}

TEST_F(CoverageTest, NothingIsGivenUpWhileTheTapeIsAway) {
    class AwayTape : public MemoryTape {
    public:
        Result<std::vector<Partition>> partitions(const std::string&) override {
            return Error{ErrorKind::unavailable, "no broker answers"};
        }
    } away;
    CoverageLedger ledger(*store, away, feeds);
    auto rows = parts::derived(ledger, expected, kSlot, kSlot + 6min, kSlot + 6min);
    ASSERT_TRUE(rows) << rows.error().what;
    ASSERT_EQ(rows->size(), 4U);
    const std::string why = "the tape cannot be asked: no broker answers";
    for (const CoverageRow& row : *rows) {
        const bool can_be_answered = row.slot > kSlot;
        EXPECT_EQ(row.verdict,
                  (Verdict{CoverageState::pending, {}, can_be_answered ? std::string() : why}));
    }
}

// A recorder was killed between a price and its account.
TEST_F(CoverageTest, NothingIsGivenUpWhoseMessageMayBeOnTheTapeAndNotYetLoaded) {
    begin_run(kSlot);
    send_unaccounted("bitcoin", kSlot, "10.5");
    EXPECT_EQ(settle(kSlot + 4min),
              (std::map<std::string, std::string>{{"bitcoin 00:05", "pending"},
                                                  {"ethereum 00:05", "pending"}}));
    auto rows = CoverageLedger(*store, tape, feeds).stored("coin", kSlot, kSlot + 1min);
    ASSERT_TRUE(rows && !rows->empty());
    EXPECT_EQ(rows->front().verdict.what,
              "may be among the messages of coin_topic[0] that are not yet loaded");
    load();
    EXPECT_EQ(settle(kSlot + 4min),
              (std::map<std::string, std::string>{{"bitcoin 00:05", "recorded"},
                                                  {"ethereum 00:05", "missed interrupted"}}));
}

// A second try found nothing for what the first had sent before it was killed.
TEST_F(CoverageTest, NoFailureIsTheLastWordWhileAMessageIsNotYetLoaded) {
    begin_run(kSlot);
    fail("bitcoin", kSlot, Reason::throttled);
    load();
    send_unaccounted("bitcoin", kSlot, "10.5");
    EXPECT_EQ(settle(kSlot + 4min)["bitcoin 00:05"], "pending");
    load();
    EXPECT_EQ(settle(kSlot + 4min)["bitcoin 00:05"], "recorded");
}

TEST_F(CoverageTest, WhatIsNotYetLoadedKeepsNoSlotPendingThatWasOverBeforeIt) {
    send_unaccounted("bitcoin", kSlot + 5min, "10.5");
    load();
    send_unaccounted("ethereum", kSlot + 5min, "7");
    EXPECT_EQ(settle(kSlot + 9min),
              (std::map<std::string, std::string>{{"bitcoin 00:05", "missed nobody_ran"},
                                                  {"ethereum 00:05", "missed nobody_ran"},
                                                  {"bitcoin 00:10", "recorded"},
                                                  {"ethereum 00:10", "pending"}}));
}

TEST_F(CoverageTest, ARowThatVanishesIsLostAndTheAuditSaysSo) {
    send("bitcoin", kSlot, "10.5");
    send("ethereum", kSlot, "11");
    load();
    settle(kSlot + 4min);
    auto clean = audit(*store, tape, feeds, expected, kSlot, kSlot + 4min, kSlot + 4min, {});
    ASSERT_TRUE(clean);
    EXPECT_TRUE(clean->differences.empty());
    EXPECT_EQ(clean->prices, 2);
    const std::vector<Statement> vandal{{"delete from coin_records where coin = 'bitcoin'", {}, 1}};
    ASSERT_TRUE(store->transact(vandal));
    auto found = audit(*store, tape, feeds, expected, kSlot, kSlot + 4min, kSlot + 4min, {});
    ASSERT_TRUE(found);
    ASSERT_EQ(found->differences.size(), 2U);
    EXPECT_EQ(found->differences[0].stored, "recorded");
    EXPECT_EQ(found->differences[0].derived, "lost (no_row)");
    EXPECT_EQ(found->differences[1].stored, "(no row)");
}

TEST_F(CoverageTest, WhatTheLedgerHasNotReachedYetIsNoDifferenceAndAHoleIs) {
    send("bitcoin", kSlot, "10.5");
    send("ethereum", kSlot, "11");
    load();
    settle(kSlot + 4min);
    // Nobody records for a quarter of an hour: the ledger ends at the first slot.
    auto late = audit(*store, tape, feeds, expected, kSlot, kSlot + 20min, kSlot + 20min, {});
    ASSERT_TRUE(late);
    EXPECT_TRUE(late->differences.empty());
    EXPECT_EQ(late->unsettled, 6);
    EXPECT_EQ(late->feeds.at("coin").of(CoverageState::missed), 6);
    settle(kSlot + 20min);
    const std::vector<Statement> vandal{
        {"delete from coverage where slot = $1", {kSlot + 5min}, 2}};
    ASSERT_TRUE(store->transact(vandal));
    auto holed = audit(*store, tape, feeds, expected, kSlot, kSlot + 20min, kSlot + 20min, {});
    ASSERT_TRUE(holed);
    EXPECT_EQ(holed->differences.size(), 2U);
    EXPECT_EQ(holed->unsettled, 0);
}

TEST_F(CoverageTest, AnAlteredPriceIsADifference) {
    send("bitcoin", kSlot, "10.50");
    load();
    settle(kSlot + 4min);
    const std::vector<Statement> vandal{
        {"update coin_records set price = $1", {*Decimal::parse("10.51")}, 1}};
    ASSERT_TRUE(store->transact(vandal));
    auto found = audit(*store, tape, feeds, expected, kSlot, kSlot + 4min, kSlot + 4min, {});
    ASSERT_TRUE(found);
    ASSERT_EQ(found->differences.size(), 1U);
    EXPECT_EQ(found->differences[0].stored, "price 10.51");
}

TEST_F(CoverageTest, WhatLeftTheListBeforeItWasAskedIsWithdrawn) {
    expected[0].to = kSlot + 1min;
    Expectation shorter = expected[0];
    shorter.from = kSlot + 1min;
    shorter.to = Timestamp::max();
    shorter.instruments = {"bitcoin"};
    expected.push_back(shorter);
    const auto states = settle(kSlot + 4min);
    EXPECT_EQ(states.at("bitcoin 00:05"), "missed nobody_ran");
    EXPECT_EQ(states.at("ethereum 00:05"), "withdrawn");
}

// Issue 10: what was pending when a demo was killed had not left any list.
TEST_F(CoverageTest, NothingIsWithdrawnWhileTheDemoStandsStill) {
    expected[0].to = kSlot + 1min;
    expected[0].listed_until = kSlot + 12h;
    Expectation later = parts::expected_of(feeds["coin"], kSlot + 12h);
    expected.push_back(later);
    const auto states = settle(kSlot + 12h + 1s);
    EXPECT_EQ(states.at("bitcoin 00:05"), "missed nobody_ran");
    EXPECT_EQ(states.size(), 4U);
}

// Issue 10: the failed try of a collection by hand stood in attempts, and `why`, `gaps` and
// `status` knew no such slot.
TEST_F(CoverageTest, ASlotThatWasTriedBeforeAnythingWasExpectedIsAccountedFor) {
    const Timestamp tried = kSlot - 10min;
    fail("bitcoin", tried, Reason::throttled);
    load();
    auto all = with_tried(*store, feeds, expected);
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 2U);
    EXPECT_EQ(all->front().from, tried);
    EXPECT_TRUE(all->front().dag.empty());
    settle(kSlot + 1min);
    CoverageLedger ledger(*store, tape, feeds);
    auto rows = ledger.stored("coin", tried, kSlot);
    ASSERT_TRUE(rows);
    ASSERT_EQ(rows->size(), 1U);  // ethereum was not asked for, and nothing expected it
    EXPECT_EQ(rows->front().verdict, (Verdict{CoverageState::failed, "throttled", "scripted"}));
    auto report = audit(*store, tape, feeds, *all, tried, kSlot + 1min, kSlot + 1min, {});
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->differences.empty());
    EXPECT_EQ(report->feeds.at("coin").of(CoverageState::failed), 1);
    // The same again, and its later tries, change it as any other slot's.
    send("bitcoin", tried, "10.5");
    load();
    settle(kSlot + 1min);
    EXPECT_EQ(ledger.stored("coin", tried, kSlot)->front().verdict.state, CoverageState::recorded);
}

// What was tried has the grace that it has among all that was tried, whichever part is looked at.
TEST_F(CoverageTest, APartOfWhatWasTriedKnowsItsNeighbours) {
    for (const auto before : {60min, 50min, 45min, 10min}) {
        fail("bitcoin", kSlot - before, Reason::throttled);
    }
    load();
    const auto all = tried_besides(*store, "coin", expected, {Timestamp(), kSlot});
    ASSERT_TRUE(all && *all) << all.error().what;
    const auto part = tried_besides(*store, "coin", expected, {kSlot - 50min, kSlot - 50min + 1us});
    ASSERT_TRUE(part && *part) << part.error().what;
    EXPECT_EQ((*part)->from, kSlot - 60min);
    EXPECT_EQ((*part)->to, kSlot - 45min + 1us);
    EXPECT_EQ((*part)->schedule->grace_at(kSlot - 50min),
              (*all)->schedule->grace_at(kSlot - 50min));
    const auto none = tried_besides(*store, "coin", expected, {kSlot - 40min, kSlot - 20min});
    ASSERT_TRUE(none) << none.error().what;
    EXPECT_FALSE(none->has_value());
}

// Issue 12: with the configurations that there ever were each look took longer.
TEST_F(CoverageTest, ALookAsksNoMoreWhereThereWereManyConfigurations) {
    const auto calls_of = [&](int configurations, Timestamp now) {
        std::vector<Expectation> history;
        for (int i = configurations; i > 0; --i) {
            history.push_back(expected.front());
            history.back().from = kSlot - i * 1h;
            history.back().to = kSlot - (i - 1) * 1h;
        }
        history.push_back(expected.front());
        Calls calls;
        FaultyStore counted_store(*store, calls);
        FaultyTape counted_tape(tape, calls);
        CoverageLedger ledger(counted_store, counted_tape, feeds);
        EXPECT_TRUE(ledger.settle(history, now));
        const auto before = calls.count();
        EXPECT_TRUE(ledger.settle(history, now + 6min));
        return calls.count() - before;
    };
    const auto of_one = calls_of(1, kSlot + 20min);
    EXPECT_EQ(calls_of(100, kSlot + 40min), of_one);
}

TEST_F(CoverageTest, WhatWasTriedBesideTheScheduleIsSettledWhenItsAccountComes) {
    CoverageLedger ledger(*store, tape, feeds);
    ASSERT_TRUE(ledger.settle(expected, kSlot + 20min));
    fail("dogecoin", kSlot, Reason::not_found);        // no instrument of the feed
    fail("bitcoin", kSlot + 1min, Reason::not_found);  // no instant of the schedule
    load();
    ASSERT_TRUE(ledger.settle(expected, kSlot + 21min));
    auto states = settle(kSlot + 21min);
    EXPECT_EQ(states.at("dogecoin 00:05"), "failed not_found");
    EXPECT_EQ(states.at("bitcoin 00:06"), "failed not_found");
    EXPECT_EQ(states.at("ethereum 00:05"), "missed nobody_ran");
    EXPECT_EQ(states.count("ethereum 00:06"), 0U);
}

TEST_F(CoverageTest, ARunOffTheScheduleAnswersNoSlot) {
    Outcome outcome;
    outcome.instrument = "bitcoin";
    outcome.reason = Reason::throttled;
    RunOutcomes run = parts::run_of(feeds["coin"], kSlot, {outcome});
    run.run_id = std::string(kOffSchedule) + "coin/2026-11-24T00:05:00Z";
    account(run);
    run.slot = kSlot - 1h;
    run.run_id += "/before";
    account(run);
    load();
    EXPECT_EQ(settle(kSlot + 4min),
              (std::map<std::string, std::string>{{"bitcoin 00:05", "missed nobody_ran"},
                                                  {"ethereum 00:05", "missed nobody_ran"}}));
    EXPECT_EQ(with_tried(*store, feeds, expected)->size(), 1U);
}

TEST_F(CoverageTest, StatesAddUpToWhatTheScheduleExpects) {
    auto nasdaq = Schedule::make({"*/5 14-21 * * 1-5", "UTC", "XNAS"});
    ASSERT_TRUE(nasdaq);
    expected[0].schedule = std::make_shared<const Schedule>(*std::move(nasdaq));
    const Timestamp day = *parse_rfc3339("2026-11-24T00:00:00Z");
    auto report = audit(*store, tape, feeds, expected, day, day + 24h, day + 24h, {});
    ASSERT_TRUE(report);
    const CoverageSum& sum = report->feeds.at("coin");
    EXPECT_EQ(sum.expected, 8 * 12 * 2);               // 14:00 to 21:55
    EXPECT_EQ(sum.of(CoverageState::missed), 79 * 2);  // 14:30 to 21:00, both included
    EXPECT_EQ(sum.of(CoverageState::closed), (96 - 79) * 2);
}

SeenSlot seen(int minute, CoverageState state, const std::string& digits) {
    SeenSlot slot{kSlot + std::chrono::minutes(minute), {}};
    slot.instruments["bitcoin"] = {
        {state, state == CoverageState::failed ? "timeout" : "", ""},
        digits.empty() ? std::nullopt : std::optional(*Decimal::parse(digits))};
    return slot;
}

std::vector<std::string> keys(const std::vector<Problem>& problems) {
    std::vector<std::string> keys;
    for (const Problem& problem : problems) keys.push_back(problem.key);
    return keys;
}

TEST(LookAgainAt, IsWhenTheVerdictMayChange) {
    SlotFacts slot;
    slot.give_up = kSlot + 150s;
    slot.run_open = true;
    for (Timestamp now = kSlot; now < kSlot + 300s; now += 1s) {
        const bool pending = derive(slot, {}, {}, true, now).state == CoverageState::pending;
        const auto again = look_again_at(slot, now);
        ASSERT_EQ(again.has_value(), pending) << format_rfc3339(now);
        if (!again) continue;
        ASSERT_GT(*again, now);
        // Nothing changes before it.
        ASSERT_EQ(derive(slot, {}, {}, true, *again - 1us).state, CoverageState::pending);
    }
}

TEST(FindProblems, TellsFailedStaleFrozenAndLost) {
    const ProblemLimits limits{2, 3};
    EXPECT_TRUE(find_problems("coin", {seen(0, CoverageState::recorded, "1")}, limits).empty());
    EXPECT_EQ(
        keys(find_problems(
            "coin", {seen(0, CoverageState::recorded, "1"), seen(5, CoverageState::failed, "")},
            limits)),
        std::vector<std::string>{"failed:coin"});
    EXPECT_EQ(keys(find_problems(
                  "coin", {seen(0, CoverageState::failed, ""), seen(5, CoverageState::missed, "")},
                  limits)),
              (std::vector<std::string>{"failed:coin", "stale:coin"}));
    EXPECT_EQ(keys(find_problems("coin",
                                 {seen(0, CoverageState::recorded, "1.0"),
                                  seen(5, CoverageState::recorded, "1.00"),
                                  seen(10, CoverageState::recorded, "1")},
                                 limits)),
              std::vector<std::string>{"frozen:coin:bitcoin"});
    EXPECT_EQ(keys(find_problems(
                  "coin", {seen(0, CoverageState::lost, ""), seen(5, CoverageState::recorded, "2")},
                  limits)),
              std::vector<std::string>{"lost:coin"});
}

TEST_F(CoverageTest, AProblemIsToldOnceAndOnceWhenItIsOver) {
    std::vector<std::string> told;
    ProblemTeller teller(*store, clock, log, [&](bool recovered, const Problem& problem) {
        told.push_back((recovered ? "over " : "new ") + problem.key);
        return Result<>();
    });
    fail("bitcoin", kSlot, Reason::timeout);
    send("ethereum", kSlot, "1");
    load();
    settle(kSlot + 4min);
    ASSERT_TRUE(teller.look(feeds, "coin", {}));
    ASSERT_TRUE(teller.look(feeds, "coin", {}));
    EXPECT_EQ(told, std::vector<std::string>{"new failed:coin"});
    send("bitcoin", kSlot + 5min, "1");
    send("ethereum", kSlot + 5min, "2");
    load();
    settle(kSlot + 6min);
    ASSERT_TRUE(teller.look(feeds, "coin", {}));
    EXPECT_EQ(told, (std::vector<std::string>{"new failed:coin", "over failed:coin"}));
}

TEST(SlotsWithin, FollowsTheScheduleAndNotFiveMinutes) {
    const auto within = [](const char* cron, std::chrono::milliseconds span) {
        return slots_within(*Schedule::make({cron}), span, kSlot);
    };
    EXPECT_EQ(within("*/5 * * * *", 15min), 3);
    EXPECT_EQ(within("*/5 * * * *", 16min), 4);
    EXPECT_EQ(within("* * * * *", 15min), 15);
    EXPECT_EQ(within("0 * * * *", 15min), 1);
    EXPECT_EQ(within("0 * * * *", 24h), 24);
    EXPECT_EQ(within("*/5 * * * *", 1ms), 1);
}

TEST_F(CoverageTest, AStaleFeedIsToldAtItsThirdSlotWithoutAPriceAndItsRecovery) {
    std::vector<std::string> told;
    ProblemTeller teller(*store, clock, log, [&](bool recovered, const Problem& problem) {
        told.push_back((recovered ? "over " : "new ") + problem.key);
        return Result<>();
    });
    for (int slot = 0; slot < 4; ++slot) {
        const Timestamp at = kSlot + slot * 5min;
        for (const char* name : {"bitcoin", "ethereum"}) {
            if (slot < 3) fail(name, at, Reason::throttled);
            if (slot == 3) send(name, at, "1");
        }
        load();
        settle(at + 4min);
        ASSERT_TRUE(teller.look(feeds, "coin", {}));
        ASSERT_FALSE(told.empty());
        const bool stale = std::ranges::count(told, "new stale:coin") > 0;
        EXPECT_EQ(stale, slot >= 2) << slot;
    }
    EXPECT_EQ(told, (std::vector<std::string>{"new failed:coin", "new stale:coin",
                                              "over failed:coin", "over stale:coin"}));
}

TEST_F(CoverageTest, AFrozenPriceIsToldOnceAndWhenItMoves) {
    std::vector<std::string> told;
    ProblemTeller teller(*store, clock, log, [&](bool recovered, const Problem& problem) {
        told.push_back((recovered ? "over " : "new ") + problem.key);
        return Result<>();
    });
    for (int slot = 0; slot < 5; ++slot) {
        const Timestamp at = kSlot + slot * 5min;
        send("bitcoin", at, slot < 4 ? "22470.52" : "22470.53");
        send("ethereum", at, std::to_string(slot + 1));
        load();
        settle(at + 4min);
        ASSERT_TRUE(teller.look(feeds, "coin", {.frozen_slots = 3}));
    }
    EXPECT_EQ(told,
              (std::vector<std::string>{"new frozen:coin:bitcoin", "over frozen:coin:bitcoin"}));
}

}  // namespace
}  // namespace tapedeck
