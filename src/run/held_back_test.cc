#include "run/held_back.h"

#include "coverage/coverage_windows.h"
#include "store/journal/statement_journal.h"
#include "tests/conformance/temp_folder.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using parts::kSlot;

TEST(HeldBack, ASpoolHoldsBackFromItsOldestMessageOn) {
    const TempFolder folder;
    const std::string path = folder.file("spool.db");
    ManualClock clock(kSlot);
    const auto spool = SpoolFile::open(path, clock);
    ASSERT_TRUE(spool);
    const std::vector<OutgoingMessage> message{{"coin_topic", "bitcoin", "1", kSlot, {}}};
    const auto first = (*spool)->put(message);
    clock.advance(1min);
    const auto second = (*spool)->put(message);
    ASSERT_TRUE(first && second);
    const auto held = [&] {
        const auto looked = SpoolFile::open_looking(path, clock, {});
        EXPECT_TRUE(looked);
        return held_by_spool(path, (*looked)->sizes());
    };
    const std::string what = "may wait in the spool on this machine: " + path;
    EXPECT_EQ(held(), (HeldBack{kSlot, what}));
    ASSERT_TRUE((*spool)->settle(std::vector<SpoolFate>{{first->front(), {}, "too long"}}));
    EXPECT_EQ(held(), (HeldBack{kSlot + 1min, what}));
    ASSERT_TRUE((*spool)->settle(std::vector<SpoolFate>{{second->front(), {}, "too long"}}));
    EXPECT_EQ(held(), std::nullopt);
}

TEST(HeldBack, AJournalHoldsBackFromItsOldestStatementOn) {
    const TempFolder folder;
    const std::string path = folder.file("journal.db");
    ManualClock clock(kSlot);
    const auto journal = StatementJournal::open(path, clock);
    ASSERT_TRUE(journal);
    const auto held = [&] {
        const auto looked = StatementJournal::open_looking(path, clock, {});
        EXPECT_TRUE(looked);
        return held_by_journal(path, (*looked)->oldest_since());
    };
    EXPECT_EQ(held(), std::nullopt);
    const std::vector<Statement> nothing{{"update dag_states set dag = dag where 1 = 0", {}, {}}};
    ASSERT_TRUE((*journal)->append(nothing));
    clock.advance(1min);
    ASSERT_TRUE((*journal)->append(nothing));
    EXPECT_EQ(held(), (HeldBack{kSlot, "may wait in the journal on this machine: " + path}));
    ASSERT_TRUE((*journal)->replay(*parts::store_in_memory(clock)));
    EXPECT_EQ(held(), std::nullopt);
}

TEST(HeldBack, WhatCannotBeReadMayHoldAnything) {
    const Error error{ErrorKind::unavailable, "no right to read it"};
    const auto spool = held_by_spool("spool.db", error);
    ASSERT_TRUE(spool);
    EXPECT_EQ(spool->since, Timestamp());
    EXPECT_NE(spool->what.find("no right to read it"), std::string::npos) << spool->what;
    EXPECT_EQ(both_held(held_by_journal("journal.db", std::optional(kSlot)), spool), spool);
    EXPECT_EQ(both_held(std::nullopt, spool), spool);
    EXPECT_EQ(both_held(spool, std::nullopt), spool);
}

// Nobody ran in any slot, says the store; the first could not be answered any more when what waits
// was kept.
TEST(HeldBack, ASlotThatMayWaitIsPendingAndAnEarlierOneIsMissed) {
    parts::SkippingClock clock{kSlot + 1h};
    const auto store = parts::store_in_memory(clock);
    MemoryTape tape;
    const std::map<std::string, Feed> feeds{{"coin", parts::feed_of({"bitcoin"}, {})}};
    ASSERT_TRUE(store->ensure_table(feeds.at("coin").table));
    ASSERT_TRUE(tape.ensure_topic("coin_topic", 1));
    ASSERT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
    const std::vector<Expectation> expected{parts::expected_of(feeds.at("coin"))};
    const Timestamp now = kSlot + 15min;
    const HeldBack held{kSlot + 5min + 10s, "may wait in the spool"};
    std::vector<Verdict> verdicts;
    const auto derive = [&](const std::optional<HeldBack>& held_back) {
        verdicts.clear();
        auto done = derive_windows(
            *store, tape, feeds.at("coin"), expected, kSlot, now, now,
            [&](const DerivedWindow& window) -> Result<> {
                for (const CoverageRow& row : window.rows) verdicts.push_back(row.verdict);
                return {};
            },
            {}, held_back);
        EXPECT_TRUE(done) << done.error().what;
        return verdicts;
    };
    const Verdict missed{CoverageState::missed, "nobody_ran", "no run asked for it"};
    const Verdict waits{CoverageState::pending, {}, "may wait in the spool"};
    EXPECT_EQ(derive(std::nullopt), (std::vector<Verdict>{missed, missed, missed}));
    EXPECT_EQ(derive(held), (std::vector<Verdict>{missed, waits, waits}));

    CoverageLedger ledger(*store, tape, feeds);
    std::optional<HeldBack> waiting = held;
    ledger.hold_back_while([&] { return waiting; });
    const auto settled = ledger.settle(expected, now);
    ASSERT_TRUE(settled);
    EXPECT_TRUE(settled->next) << "nobody looks again";
    waiting.reset();
    ASSERT_TRUE(ledger.settle(expected, now));
    const auto rows = ledger.stored("coin", kSlot, now);
    ASSERT_TRUE(rows && rows->size() == 3);
    for (const CoverageRow& row : *rows) EXPECT_EQ(row.verdict, missed);
}

}  // namespace
}  // namespace tapedeck
