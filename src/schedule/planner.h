#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "schedule/dag.h"
#include "schedule/schedule.h"

namespace tapedeck {

// What is to be done now, decided from values alone: no clock, no store, no thread. The caller
//   1. plans, 2. writes the actions and the states after them in one transaction, 3. carries the
//   actions out, 4. sleeps until `wake` or until a task ends, tells finish_task(), plans again.
// Killed before 2, nothing has happened; killed after it, recovered() makes of the stored state
// what the next plan goes on from. So every open instant from first_seen on is started once or
// marked missed once, whatever restarts and steps of the clock come between.

enum class TaskPhase { waiting, running, retrying, succeeded, failed };

std::string_view to_string(TaskPhase phase);

struct TaskState {
    std::string name;
    TaskPhase phase = TaskPhase::waiting;
    int tries = 0;         // started, the present one included
    int failures = 0;      // tries that failed; one that died with the process is none
    Timestamp retry_at{};  // `retrying` only
    friend bool operator==(const TaskState&, const TaskState&) = default;
};

// A run that has not ended.
struct RunState {
    Timestamp slot;
    std::vector<TaskState> tasks;  // as the DAG had them when the run began
    friend bool operator==(const RunState&, const RunState&) = default;
};

// All that is kept about one DAG between two plans.
struct DagState {
    std::string dag;
    // Earlier instants are not its own; the one instant of @once. Anew when a DAG comes back after
    // it was taken out of the configuration.
    Timestamp first_seen;
    // Every open instant up to and including this one was started or marked missed.
    std::optional<Timestamp> handled;
    bool paused = false;
    std::vector<RunState> runs;  // in the order of their slots
    friend bool operator==(const DagState&, const DagState&) = default;
};

// A run of the DAG begins for that slot.
struct StartRun {
    std::string dag;
    Timestamp slot;
    friend bool operator==(const StartRun&, const StartRun&) = default;
};

// A try of a task begins.
struct StartTask {
    std::string dag;
    Timestamp slot;
    std::string task;
    int try_number = 1;
    // A `noop`: it has succeeded by starting, and finish_task() is not to be called.
    bool done = false;
    // The try must end by then (a live slot's grace); the task's timeout counts beside it, by the
    // steady clock.
    std::optional<Timestamp> deadline;
    friend bool operator==(const StartTask&, const StartTask&) = default;
};

struct EndRun {
    std::string dag;
    Timestamp slot;
    bool succeeded = false;
    std::string why;  // where it failed: "task invoke_coin_lambda failed"
    friend bool operator==(const EndRun&, const EndRun&) = default;
};

// Nobody ran these slots, and nobody will.
struct MarkMissed {
    std::string dag;
    std::vector<Timestamp> slots;  // in order
    friend bool operator==(const MarkMissed&, const MarkMissed&) = default;
};

using Action = std::variant<StartRun, StartTask, EndRun, MarkMissed>;

struct PlannedDag {
    const DagSpec& spec;       // valid
    const Schedule& schedule;  // by dag_schedule(spec, state)
    DagState state;
};

struct Plan {
    std::vector<Action> actions;  // in the order in which they are to be carried out
    std::vector<DagState> after;  // one for each DAG, in their order: the states to store
    // When to plan again though nothing has ended; none: nothing will ever be due.
    std::optional<Timestamp> wake;
    // The DAGs whose handled instants lie ahead of the clock, as it was set back; they are silent
    // until it has caught up. Worth a warning where that is long.
    std::vector<std::string> silent;
};

// The rules, docs/schedules.md:
// - A slot of a live DAG (one that collects) starts while it is at most half its interval old, and
//   is missed afterwards. While the DAG is paused, or has as many runs as it may, it waits that
//   long: whoever resumes it wakes the planner.
// - Other DAGs start every instant in order (`catchup`), or of those that are due only the last
//   and miss the others; while paused they leave them be.
// - A task is tried again after `retry_delay`, at most `retries` times, and within a live slot's
//   grace. A run ends when no task of it is running or can start.
// - At most kMostMissed slots of a DAG are marked in one plan; `wake` is then now.
inline constexpr std::size_t kMostMissed = 10'000;
Plan plan(std::span<const PlannedDag> dags, Timestamp now);

// Tells the state that a running try has ended. `permanent`: trying again is of no use.
// `conflict` where that task of that run is not running: then nothing is changed.
enum class TaskEnd { succeeded, failed, permanent };
Result<> finish_task(const DagSpec& spec, DagState& state, Timestamp slot, std::string_view task,
                     TaskEnd end, Timestamp now);

// The state after a death of the process: tries that were running begin again, as new tries, where
// the slot's grace allows it; else the next plan ends their runs as failed.
DagState recovered(DagState state);

// The schedule that a DAG has in that state: @once is at its first_seen.
Result<Schedule> dag_schedule(const DagSpec& spec, const DagState& state,
                              std::span<const ShippedFile> calendars = shipped_files());

}  // namespace tapedeck
