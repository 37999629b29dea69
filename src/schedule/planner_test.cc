#include "schedule/planner.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include <map>

#include "base/clock.h"

namespace tapedeck {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;

Timestamp at(std::string_view text) {
    const Result<Timestamp> time = parse_rfc3339(text);
    EXPECT_TRUE(time) << text;
    return time ? *time : Timestamp();
}

DagSpec live_dag() {
    DagSpec spec;
    spec.name = "coin";
    spec.schedule = "*/5 * * * *";
    spec.retries = 1;
    spec.concurrency = 2;
    spec.tasks = {{"begin", TaskKind::noop, "", {}},
                  {"collect", TaskKind::collect, "coin", {"begin"}}};
    return spec;
}

// Two branches after one task, and one that joins them; nothing live.
DagSpec batch_dag() {
    DagSpec spec;
    spec.name = "batch";
    spec.schedule = "@hourly";
    spec.retries = 1;
    spec.concurrency = 2;
    spec.tasks = {{"make", TaskKind::sql, "", {}},
                  {"left", TaskKind::sql, "", {"make"}},
                  {"right", TaskKind::sql, "", {"make"}},
                  {"join", TaskKind::sql, "", {"left", "right"}}};
    return spec;
}

// One DAG with its stored state, and actions told as short texts.
struct Desk {
    explicit Desk(DagSpec dag, std::string_view first_seen) : spec(std::move(dag)) {
        EXPECT_TRUE(validate(spec)) << validate(spec).error().what;
        state.dag = spec.name;
        state.first_seen = at(first_seen);
        schedule.push_back(*dag_schedule(spec, state));
    }

    std::vector<std::string> plan_at(std::string_view now) { return plan_at(at(now)); }
    std::vector<std::string> plan_at(Timestamp now) {
        const PlannedDag planned{spec, schedule[0], state};
        last = plan(std::span(&planned, 1), now);
        state = last.after[0];
        std::vector<std::string> texts;
        for (const Action& action : last.actions) texts.push_back(text_of(action));
        return texts;
    }

    void finish(std::string_view slot, std::string_view task, TaskEnd end, std::string_view now) {
        const Result<> told = finish_task(spec, state, at(slot), task, end, at(now));
        EXPECT_TRUE(told) << told.error().what;
    }

    static std::string clock_of(Timestamp time) { return format_rfc3339(time).substr(11, 5); }

    static std::string text_of(const Action& action) {
        if (const auto* run = std::get_if<StartRun>(&action)) {
            return fmt::format("run {}", clock_of(run->slot));
        }
        if (const auto* task = std::get_if<StartTask>(&action)) {
            return fmt::format("{} {} {}", task->done ? "done" : "task", task->task,
                               task->try_number);
        }
        if (const auto* end = std::get_if<EndRun>(&action)) {
            return fmt::format("end {} {}", clock_of(end->slot),
                               end->succeeded ? "succeeded" : end->why);
        }
        std::string text = "missed";
        for (const Timestamp slot : std::get<MarkMissed>(action).slots)
            text += " " + clock_of(slot);
        return text;
    }

    DagSpec spec;
    DagState state;
    std::vector<Schedule> schedule;
    Plan last;
};

TEST(Planner, ASlotStartsAtItsInstantAndNoopsAreDoneAtOnce) {
    Desk desk(live_dag(), "2026-11-24T00:01:00Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:01:00Z"), ElementsAre());
    EXPECT_EQ(desk.last.wake, at("2026-11-24T00:05:00Z"));
    EXPECT_THAT(desk.plan_at("2026-11-24T00:05:00Z"),
                ElementsAre("run 00:05", "done begin 1", "task collect 1"));
    EXPECT_EQ(std::get<StartTask>(desk.last.actions[2]).deadline, at("2026-11-24T00:07:30Z"));
    EXPECT_EQ(desk.last.wake, at("2026-11-24T00:10:00Z"));
    EXPECT_THAT(desk.plan_at("2026-11-24T00:05:00Z"), ElementsAre());
    desk.finish("2026-11-24T00:05:00Z", "collect", TaskEnd::succeeded, "2026-11-24T00:05:01Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:05:01Z"), ElementsAre("end 00:05 succeeded"));
    EXPECT_TRUE(desk.state.runs.empty());
}

TEST(Planner, TheInstantOfBeingFirstSeenCounts) {
    Desk desk(live_dag(), "2026-11-24T00:05:00Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:05:00.1Z"),
                ElementsAre("run 00:05", "done begin 1", "task collect 1"));
}

TEST(Planner, SlotsOlderThanHalfTheIntervalAreMissed) {
    Desk desk(live_dag(), "2026-11-24T00:01:00Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:17:30Z"),
                ElementsAre("missed 00:05 00:10", "run 00:15", "done begin 1", "task collect 1"));
    EXPECT_THAT(desk.plan_at("2026-11-24T00:22:30.000001Z"), ElementsAre("missed 00:20"));
}

TEST(Planner, AFailedTryIsRepeatedAfterTheDelayWithinTheGrace) {
    Desk desk(live_dag(), "2026-11-24T00:01:00Z");
    desk.plan_at("2026-11-24T00:05:00Z");
    desk.finish("2026-11-24T00:05:00Z", "collect", TaskEnd::failed, "2026-11-24T00:05:10Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:05:10Z"), ElementsAre());
    EXPECT_EQ(desk.last.wake, at("2026-11-24T00:05:25Z"));
    EXPECT_THAT(desk.plan_at("2026-11-24T00:05:25Z"), ElementsAre("task collect 2"));
    desk.finish("2026-11-24T00:05:00Z", "collect", TaskEnd::failed, "2026-11-24T00:05:30Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:05:30Z"), ElementsAre("end 00:05 task collect failed"));
}

TEST(Planner, ATasksOwnRetriesAndDelayWinOverTheDags) {
    DagSpec spec = live_dag();
    spec.retries = 0;
    spec.tasks[1].retries = 1;
    spec.tasks[1].retry_delay = seconds(40);
    Desk desk(spec, "2026-11-24T00:00:01Z");
    desk.plan_at("2026-11-24T00:05:00Z");
    desk.finish("2026-11-24T00:05:00Z", "collect", TaskEnd::failed, "2026-11-24T00:05:05Z");
    desk.plan_at("2026-11-24T00:05:05Z");
    EXPECT_EQ(desk.last.wake, at("2026-11-24T00:05:45Z"));
    EXPECT_THAT(desk.plan_at("2026-11-24T00:05:44Z"), ElementsAre());
    EXPECT_EQ(desk.plan_at("2026-11-24T00:05:45Z").size(), 1U);
    desk.finish("2026-11-24T00:05:00Z", "collect", TaskEnd::failed, "2026-11-24T00:05:50Z");
    EXPECT_EQ(desk.plan_at("2026-11-24T00:05:50Z").size(), 1U);  // the run ends
    EXPECT_EQ(limits_of(spec, "collect").timeout, kNoTimeout);
    spec.timeout = seconds(60);
    EXPECT_EQ(limits_of(spec, "collect").timeout, seconds(60));
    spec.tasks[1].timeout = seconds(20);
    EXPECT_EQ(limits_of(spec, "collect").timeout, seconds(20));
    spec.tasks[1].timeout = seconds(0);
    EXPECT_EQ(limits_of(spec, "collect").timeout, kNoTimeout);
    EXPECT_EQ(limits_of(spec, "begin").retries, 0);
}

TEST(Planner, ARetryPastTheGraceIsNotWaitedFor) {
    Desk desk(live_dag(), "2026-11-24T00:01:00Z");
    desk.plan_at("2026-11-24T00:05:00Z");
    desk.finish("2026-11-24T00:05:00Z", "collect", TaskEnd::failed, "2026-11-24T00:07:20Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:07:20Z"), ElementsAre("end 00:05 task collect failed"));
}

TEST(Planner, APermanentFailureIsNotRepeated) {
    Desk desk(live_dag(), "2026-11-24T00:01:00Z");
    desk.plan_at("2026-11-24T00:05:00Z");
    desk.finish("2026-11-24T00:05:00Z", "collect", TaskEnd::permanent, "2026-11-24T00:05:01Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:05:01Z"), ElementsAre("end 00:05 task collect failed"));
}

TEST(Planner, AKilledTryBeginsAgainWithinTheGraceAndCostsNoRetry) {
    Desk desk(live_dag(), "2026-11-24T00:01:00Z");
    desk.plan_at("2026-11-24T00:05:00Z");
    desk.state = recovered(desk.state);
    EXPECT_THAT(desk.plan_at("2026-11-24T00:06:00Z"), ElementsAre("task collect 2"));
    desk.finish("2026-11-24T00:05:00Z", "collect", TaskEnd::failed, "2026-11-24T00:06:01Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:06:16Z"), ElementsAre("task collect 3"));
}

TEST(Planner, AKilledRunPastItsGraceEndsAsFailed) {
    Desk desk(live_dag(), "2026-11-24T00:01:00Z");
    desk.plan_at("2026-11-24T00:05:00Z");
    desk.state = recovered(desk.state);
    EXPECT_THAT(desk.plan_at("2026-11-24T00:08:00Z"),
                ElementsAre("end 00:05 task collect could not begin within the slot's grace"));
}

TEST(Planner, AClockSetBackAnHourRunsNoSlotTwice) {
    Desk desk(live_dag(), "2026-11-24T00:01:00Z");
    desk.plan_at("2026-11-24T01:05:00Z");
    desk.finish("2026-11-24T01:05:00Z", "collect", TaskEnd::succeeded, "2026-11-24T01:05:01Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:05:01Z"), ElementsAre("end 01:05 succeeded"));
    EXPECT_EQ(desk.last.wake, at("2026-11-24T01:10:00Z"));
    EXPECT_THAT(desk.last.silent, ElementsAre("coin"));
    EXPECT_THAT(desk.plan_at("2026-11-24T00:10:00Z"), ElementsAre());
    EXPECT_EQ(desk.plan_at("2026-11-24T01:10:00Z").front(), "run 01:10");
}

TEST(Planner, AClockSetAheadAnHourMissesTheSlotsBetween) {
    Desk desk(live_dag(), "2026-11-24T00:01:00Z");
    desk.plan_at("2026-11-24T00:05:00Z");
    desk.finish("2026-11-24T00:05:00Z", "collect", TaskEnd::succeeded, "2026-11-24T00:05:01Z");
    const auto actions = desk.plan_at("2026-11-24T01:05:01Z");
    EXPECT_EQ(actions[1],
              "missed 00:10 00:15 00:20 00:25 00:30 00:35 00:40 00:45 00:50 00:55 01:00");
    EXPECT_EQ(actions[2], "run 01:05");
}

TEST(Planner, ARetryDoesNotWaitForAClockThatWasSetBack) {
    Desk desk(live_dag(), "2026-11-24T00:01:00Z");
    desk.plan_at("2026-11-24T01:05:00Z");
    desk.finish("2026-11-24T01:05:00Z", "collect", TaskEnd::failed, "2026-11-24T01:05:10Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:05:11Z"), ElementsAre());
    EXPECT_EQ(desk.last.wake, at("2026-11-24T00:05:26Z"));
    EXPECT_THAT(desk.plan_at("2026-11-24T00:05:26Z"), ElementsAre("task collect 2"));
}

TEST(Planner, SlotsOfAPausedLiveDagAreMissed) {
    Desk desk(live_dag(), "2026-11-24T00:01:00Z");
    desk.state.paused = true;
    EXPECT_THAT(desk.plan_at("2026-11-24T00:05:00Z"), ElementsAre());
    EXPECT_EQ(desk.last.wake, at("2026-11-24T00:07:30.000001Z"));
    EXPECT_THAT(desk.plan_at("2026-11-24T00:07:30.000001Z"), ElementsAre("missed 00:05"));
    desk.state.paused = false;
    EXPECT_EQ(desk.plan_at("2026-11-24T00:11:00Z").front(), "run 00:10");
}

TEST(Planner, ADagThatIsResumedWithinTheGraceRunsItsSlot) {
    Desk desk(live_dag(), "2026-11-24T00:01:00Z");
    desk.state.paused = true;
    desk.plan_at("2026-11-24T00:05:00Z");
    desk.state.paused = false;
    EXPECT_EQ(desk.plan_at("2026-11-24T00:07:29Z").front(), "run 00:05");
}

// Instants before it are another schedule's, though they are younger than the last one handled.
TEST(Planner, NothingBeforeItWasFirstSeenIsStarted) {
    Desk desk(live_dag(), "2026-11-24T00:06:00Z");
    desk.state.handled = at("2026-11-24T00:00:00Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:07:00Z"), ElementsAre());
    EXPECT_EQ(desk.last.wake, at("2026-11-24T00:10:00Z"));
}

TEST(Planner, ARunWaitsForRoomWithinItsGrace) {
    DagSpec one = live_dag();
    one.concurrency = 1;
    Desk desk(one, "2026-11-24T00:01:00Z");
    desk.plan_at("2026-11-24T00:05:00Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:10:00Z"), ElementsAre());
    desk.finish("2026-11-24T00:05:00Z", "collect", TaskEnd::succeeded, "2026-11-24T00:11:00Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:11:00Z"),
                ElementsAre("end 00:05 succeeded", "run 00:10", "done begin 1", "task collect 1"));
    EXPECT_THAT(desk.plan_at("2026-11-24T00:18:00Z"), ElementsAre("missed 00:15"));
}

TEST(Planner, WithoutCatchUpOnlyTheLastInstantRuns) {
    Desk desk(batch_dag(), "2026-11-24T00:30:00Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T04:59:00Z"),
                ElementsAre("missed 01:00 02:00 03:00", "run 04:00", "task make 1"));
}

TEST(Planner, CatchUpRunsEveryInstantInOrder) {
    DagSpec spec = batch_dag();
    spec.catchup = true;
    Desk desk(spec, "2026-11-24T00:30:00Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T04:59:00Z"),
                ElementsAre("run 01:00", "task make 1", "run 02:00", "task make 1"));
    desk.finish("2026-11-24T01:00:00Z", "make", TaskEnd::permanent, "2026-11-24T05:00:00Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T04:59:00Z"),
                ElementsAre("end 01:00 task make failed", "run 03:00", "task make 1"));
}

TEST(Planner, APausedDagThatIsNotLiveLeavesItsInstantsBe) {
    Desk desk(batch_dag(), "2026-11-24T00:30:00Z");
    desk.state.paused = true;
    EXPECT_THAT(desk.plan_at("2026-11-24T02:00:00Z"), ElementsAre());
    EXPECT_EQ(desk.last.wake, std::nullopt);
    desk.state.paused = false;
    EXPECT_THAT(desk.plan_at("2026-11-24T03:10:00Z"),
                ElementsAre("missed 01:00 02:00", "run 03:00", "task make 1"));
}

TEST(Planner, TasksBeginWhenThoseBeforeThemHaveSucceeded) {
    Desk desk(batch_dag(), "2026-11-24T01:00:00Z");
    const std::string_view slot = "2026-11-24T01:00:00Z";
    const std::string_view now = "2026-11-24T01:00:05Z";
    desk.plan_at(slot);
    desk.finish(slot, "make", TaskEnd::succeeded, now);
    EXPECT_THAT(desk.plan_at(now), ElementsAre("task left 1", "task right 1"));
    desk.finish(slot, "left", TaskEnd::permanent, now);
    EXPECT_THAT(desk.plan_at(now), ElementsAre());
    desk.finish(slot, "right", TaskEnd::succeeded, now);
    EXPECT_THAT(desk.plan_at(now), ElementsAre("end 01:00 task left failed"));
}

TEST(Planner, OnceRunsOnce) {
    DagSpec spec = batch_dag();
    spec.schedule = "@once";
    Desk desk(spec, "2026-11-24T00:30:00.5Z");
    EXPECT_THAT(desk.plan_at("2026-11-24T00:30:00.5Z"), ElementsAre());
    EXPECT_EQ(desk.last.wake, at("2026-11-24T00:30:01Z"));
    EXPECT_EQ(desk.plan_at("2026-11-24T00:30:01Z").front(), "run 00:30");
    EXPECT_THAT(desk.plan_at("2027-11-24T00:00:00Z"), ElementsAre());
    EXPECT_EQ(desk.last.wake, std::nullopt);
}

TEST(Planner, ALongAbsenceIsMarkedInParts) {
    Desk desk(live_dag(), "2026-01-01T00:00:00Z");
    std::size_t missed = 0;
    int plans = 0;
    const Timestamp now = at("2026-03-01T00:02:31Z");
    do {
        desk.plan_at(now);
        for (const Action& action : desk.last.actions) {
            if (const auto* mark = std::get_if<MarkMissed>(&action)) {
                EXPECT_LE(mark->slots.size(), kMostMissed);
                missed += mark->slots.size();
            }
        }
        ASSERT_LT(++plans, 10);
    } while (desk.last.wake == now);
    EXPECT_EQ(missed, 59U * 288U + 1U);
}

TEST(Planner, FinishingWhatDoesNotRunIsAConflict) {
    Desk desk(live_dag(), "2026-11-24T00:01:00Z");
    const DagState before = desk.state;
    const Result<> told = finish_task(desk.spec, desk.state, at("2026-11-24T00:05:00Z"), "collect",
                                      TaskEnd::succeeded, at("2026-11-24T00:05:00Z"));
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().kind, ErrorKind::conflict);
    EXPECT_EQ(desk.state, before);
}

// Plays a recorder that is killed, paused, slow and on a clock that people set.
class Simulation {
public:
    explicit Simulation(DagSpec spec)
        : desk_(std::move(spec), "2026-11-01T00:00:00Z"), clock_(at("2026-11-01T00:00:00Z")) {
        stored_ = desk_.state;
        latest_ = clock_.now();
    }

    void step() {
        switch (*rc::gen::inRange(0, 8)) {
            case 0:
                clock_.step(minutes(*rc::gen::inRange(-90, 90)));
                break;
            case 1:  // killed between the decision and its transaction: nothing has happened
                desk_.plan_at(clock_.now());
                desk_.state = recovered(stored_);
                break;
            case 2:  // killed afterwards
                desk_.state = recovered(stored_);
                break;
            case 3:
                desk_.state.paused = !desk_.state.paused;
                stored_ = desk_.state;
                break;
            case 4:
            case 5:
                finish_some();
                break;
            default:
                clock_.advance(seconds(*rc::gen::inRange(0, 3600)));
        }
        if (*rc::gen::inRange(0, 3) > 0) act();
    }

    // Lets the clock run on until everything that was begun is over.
    void settle() {
        desk_.state.paused = false;
        const Timestamp end = std::max(latest_, clock_.now()) + hours(30);
        while (clock_.now() < end || !desk_.state.runs.empty()) {
            act();
            for (const RunState& run : std::vector(desk_.state.runs)) {
                for (const TaskState& task : run.tasks) {
                    if (task.phase != TaskPhase::running) continue;
                    RC_ASSERT(finish_task(desk_.spec, desk_.state, run.slot, task.name,
                                          TaskEnd::succeeded, clock_.now())
                                  .has_value());
                }
            }
            clock_.advance(minutes(1));
        }
    }

    void check() const {
        const Timestamp first = desk_.state.first_seen;
        const Timestamp after =
            desk_.state.handled.value_or(first - microseconds(1)) + microseconds(1);
        const auto expected = open_instants(desk_.schedule[0], first, after);
        RC_ASSERT(expected->size() == seen_.size());
        for (const Timestamp slot : *expected) RC_ASSERT(seen_.at(slot) == 1);
        const auto left =
            open_instants(desk_.schedule[0], after, std::max(after, clock_.now() - minutes(1)));
        RC_ASSERT(left->empty());
        for (const auto& [slot, balance] : open_runs_) RC_ASSERT(balance == 0);
    }

private:
    // Plans and commits; the actions count from then on.
    void act() {
        const Timestamp now = clock_.now();
        latest_ = std::max(latest_, now);
        desk_.plan_at(now);
        stored_ = desk_.state;
        RC_ASSERT(stored_.runs.size() <= static_cast<std::size_t>(desk_.spec.concurrency));
        RC_ASSERT(!desk_.last.wake || *desk_.last.wake >= now || !stored_.runs.empty());
        for (const Action& action : desk_.last.actions) {
            if (const auto* run = std::get_if<StartRun>(&action)) {
                ++seen_[run->slot];
                ++open_runs_[run->slot];
                RC_ASSERT(run->slot <= now);
                RC_ASSERT(!is_live(desk_.spec) ||
                          now - run->slot <= desk_.schedule[0].grace_at(run->slot));
            } else if (const auto* missed = std::get_if<MarkMissed>(&action)) {
                for (const Timestamp slot : missed->slots) ++seen_[slot];
            } else if (const auto* end = std::get_if<EndRun>(&action)) {
                --open_runs_[end->slot];
            }
        }
    }

    void finish_some() {
        for (const RunState& run : std::vector(desk_.state.runs)) {
            for (const TaskState& task : run.tasks) {
                if (task.phase != TaskPhase::running || *rc::gen::inRange(0, 2) == 0) continue;
                const auto end = *rc::gen::element(TaskEnd::succeeded, TaskEnd::failed);
                RC_ASSERT(
                    finish_task(desk_.spec, desk_.state, run.slot, task.name, end, clock_.now())
                        .has_value());
            }
        }
    }

    Desk desk_;
    ManualClock clock_;
    DagState stored_;
    Timestamp latest_;
    std::map<Timestamp, int> seen_;       // how often each slot was started or marked
    std::map<Timestamp, int> open_runs_;  // started and not ended
};

void play(DagSpec spec) {
    Simulation simulation(std::move(spec));
    const int steps = *rc::gen::inRange(1, 60);
    for (int i = 0; i < steps; ++i) simulation.step();
    simulation.settle();
    simulation.check();
}

RC_GTEST_PROP(Planner, EveryOpenInstantOfALiveDagIsStartedOnceOrMissedOnce, ()) {
    DagSpec spec = live_dag();
    spec.schedule = *rc::gen::element<std::string>("*/5 * * * *", "*/20 9-16 * * MON-FRI", "@daily",
                                                   "*/7 1,2 * * *");
    spec.zone = *rc::gen::element<std::string>("UTC", "America/New_York");
    spec.concurrency = *rc::gen::inRange(1, 4);
    spec.retries = *rc::gen::inRange(0, 3);
    play(std::move(spec));
}

RC_GTEST_PROP(Planner, EveryOpenInstantOfAnotherDagIsStartedOnceOrMissedOnce, ()) {
    DagSpec spec = batch_dag();
    spec.catchup = *rc::gen::arbitrary<bool>();
    spec.concurrency = *rc::gen::inRange(1, 4);
    play(std::move(spec));
}

}  // namespace
}  // namespace tapedeck
