#include "run/run_slots.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const Timestamp kFirst = *parse_rfc3339("2026-11-24T00:04:59Z");

DagSpec dag() {
    DagSpec dag;
    dag.name = "coin_market_record";
    dag.schedule = "*/5 * * * *";
    dag.tasks = {{"collect", TaskKind::collect, "coin", {}}};
    return dag;
}

// What the tries of runs that could not begin say, in the statements of a decision.
std::vector<std::string> reasons(const Decision& decision) {
    std::vector<std::string> out;
    for (const Statement& statement : decision.statements) {
        if (!statement.sql.starts_with("insert into task_tries")) continue;
        const auto* what = std::get_if<std::string>(&statement.values.back());
        if (what != nullptr) out.push_back(*what);
    }
    return out;
}

TEST(RunSlots, ASlotThatARunBeforeItHeldUpIsMissedForThatReason) {
    RunSlots slots({dag()}, "digest");
    ASSERT_TRUE(slots.begin({}, kFirst));
    slots.carried_out(slots.decide(kFirst + 1s));  // the run of 00:05 begins, and never ends
    const Decision late = slots.decide(kFirst + 8min, {{}, {}, "the disk is full"});
    EXPECT_EQ(reasons(late),
              (std::vector<std::string>{"the run of 2026-11-24T00:05:00Z had not ended; the store "
                                        "waits: the disk is full"}));
    EXPECT_EQ(reasons(slots.decide(kFirst + 8min)),
              (std::vector<std::string>{"the run of 2026-11-24T00:05:00Z had not ended"}));
}

TEST(RunSlots, WhereNobodyWasOrADagIsPausedThereIsNoSuchReason) {
    KnownDag known{{"coin_market_record", false, kFirst + 1s, kFirst}, {}};
    known.open.push_back({{"coin_market_record/2026-11-24T00:05:00Z",
                           "coin_market_record",
                           kFirst + 1s,
                           "scheduled",
                           "running",
                           kFirst + 1s,
                           {}},
                          {}});
    RunSlots restarted({dag()}, "digest");
    ASSERT_TRUE(restarted.begin({&known, 1}, kFirst + 8min));
    EXPECT_TRUE(reasons(restarted.decide(kFirst + 8min)).empty());

    RunSlots paused({dag()}, "digest");
    ASSERT_TRUE(paused.begin({}, kFirst));
    paused.set_paused("coin_market_record", true);
    EXPECT_TRUE(reasons(paused.decide(kFirst + 8min, {kFirst, "no room", {}})).empty());
    paused.set_paused("coin_market_record", false);
    EXPECT_EQ(reasons(paused.decide(kFirst + 8min, {kFirst, "no room", {}})),
              (std::vector<std::string>{"no room", "no room"}));
}

}  // namespace
}  // namespace tapedeck
