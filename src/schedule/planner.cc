#include "schedule/planner.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace tapedeck {
namespace {

using std::chrono::microseconds;

constexpr std::array<std::string_view, 5> kPhases{"waiting", "running", "retrying", "succeeded",
                                                  "failed"};

// Plans one DAG; appends to the plan that all share.
class DagPlanner {
public:
    DagPlanner(const PlannedDag& dag, Timestamp now, Plan& plan)
        : spec_(dag.spec),
          schedule_(dag.schedule),
          live_(is_live(dag.spec)),
          now_(now),
          plan_(plan),
          state_(dag.state) {}

    DagState run() {
        // Runs that end make room for new ones, whose tasks are looked at once they are there.
        advance_runs();
        start_slots();
        return std::move(state_);
    }

private:
    void wake_at(Timestamp time) {
        if (!plan_.wake || time < *plan_.wake) plan_.wake = time;
    }

    // Up to this moment a slot may be answered; for ever where the DAG is not live.
    Timestamp answered_until(Timestamp slot) const {
        return live_ ? slot + schedule_.grace_at(slot) : Timestamp::max();
    }

    void advance_runs() {
        std::erase_if(state_.runs, [&](RunState& run) { return !advance(run); });
    }

    // Starts what can start; false when the run has ended.
    bool advance(RunState& run) {
        const Timestamp until = answered_until(run.slot);
        bool changed = true;
        while (changed) {  // a noop frees the tasks after it at once
            changed = false;
            for (TaskState& task : run.tasks) changed = try_task(run, task, until) || changed;
        }
        bool busy = false;
        for (const TaskState& task : run.tasks) {
            busy = busy || task.phase == TaskPhase::running || task.phase == TaskPhase::retrying;
            if (task.phase == TaskPhase::retrying) wake_at(task.retry_at);
        }
        if (busy) return true;
        end(run, until);
        return false;
    }

    // True when a noop has succeeded.
    bool try_task(const RunState& run, TaskState& task, Timestamp until) {
        if (task.phase == TaskPhase::retrying) {
            // A clock that was set back must not keep the task waiting for longer than the delay.
            task.retry_at = std::min(task.retry_at,
                                     now_ + microseconds(limits_of(spec_, task.name).retry_delay));
            if (task.retry_at > until || now_ > until) task.phase = TaskPhase::failed;
            if (task.phase == TaskPhase::failed || now_ < task.retry_at) return false;
        } else if (task.phase != TaskPhase::waiting || now_ > until || !ready(run, task)) {
            return false;
        }
        const TaskSpec* spec = spec_of(task.name);
        if (spec == nullptr) {  // the configuration has lost it since the run began
            task.phase = TaskPhase::failed;
            return false;
        }
        const bool done = spec->kind == TaskKind::noop;
        task.phase = done ? TaskPhase::succeeded : TaskPhase::running;
        ++task.tries;
        StartTask action{state_.dag, run.slot, task.name, task.tries, done, {}};
        if (live_ && !done) action.deadline = until;
        plan_.actions.emplace_back(std::move(action));
        return done;
    }

    bool ready(const RunState& run, const TaskState& task) const {
        const TaskSpec* spec = spec_of(task.name);
        if (spec == nullptr) return true;
        return std::all_of(spec->after.begin(), spec->after.end(), [&](const std::string& name) {
            return std::any_of(run.tasks.begin(), run.tasks.end(), [&](const TaskState& other) {
                return other.name == name && other.phase == TaskPhase::succeeded;
            });
        });
    }

    const TaskSpec* spec_of(std::string_view task) const {
        const auto at = std::find_if(spec_.tasks.begin(), spec_.tasks.end(),
                                     [&](const TaskSpec& spec) { return spec.name == task; });
        return at == spec_.tasks.end() ? nullptr : &*at;
    }

    void end(const RunState& run, Timestamp until) {
        EndRun action{state_.dag, run.slot, true, {}};
        for (const TaskState& task : run.tasks) {
            if (task.phase == TaskPhase::succeeded) continue;
            action.succeeded = false;
            const bool failed = task.phase == TaskPhase::failed;
            if (failed || action.why.empty()) {
                action.why = fmt::format("task {} {}", task.name,
                                         failed         ? "failed"
                                         : now_ > until ? "could not begin within the slot's grace"
                                                        : "waits for one that failed");
            }
            if (failed) break;
        }
        plan_.actions.emplace_back(std::move(action));
    }

    void start_slots() {
        Timestamp from = state_.first_seen;
        if (state_.handled) from = std::max(from, *state_.handled + microseconds(1));
        if (state_.handled && *state_.handled > now_) plan_.silent.push_back(state_.dag);
        std::vector<Timestamp> due;
        schedule_.for_each_instant(from, now_ + microseconds(1), [&](Timestamp slot, bool open) {
            if (open) due.push_back(slot);
            return due.size() <= kMostMissed;
        });
        const bool more = due.size() > kMostMissed;
        if (more) due.pop_back();
        MarkMissed missed{state_.dag, {}};
        std::vector<Timestamp> started;
        bool held = false;
        for (std::size_t i = 0; i < due.size() && !held; ++i) {
            const bool last = i + 1 == due.size() && !more;
            if (is_missed(due[i], last)) {
                missed.slots.push_back(due[i]);
                state_.handled = due[i];
            } else if (may_start(started.size())) {
                started.push_back(due[i]);
                state_.handled = due[i];
            } else {
                held = true;
                if (live_) wake_at(answered_until(due[i]) + microseconds(1));
            }
        }
        if (!missed.slots.empty()) plan_.actions.emplace_back(std::move(missed));
        for (const Timestamp slot : started) start(slot);
        if (held) return;
        if (more) return wake_at(now_);
        from = std::max(from, now_ + microseconds(1));
        if (const auto next = schedule_.next_open(from - microseconds(1))) wake_at(*next);
    }

    bool is_missed(Timestamp slot, bool last) const {
        if (live_) return now_ > answered_until(slot);
        return !state_.paused && !spec_.catchup && !last;
    }

    bool may_start(std::size_t starting) const {
        return !state_.paused &&
               state_.runs.size() + starting < static_cast<std::size_t>(spec_.concurrency);
    }

    void start(Timestamp slot) {
        RunState run{slot, {}};
        for (const TaskSpec& task : spec_.tasks) run.tasks.push_back(TaskState{.name = task.name});
        plan_.actions.emplace_back(StartRun{state_.dag, slot});
        if (advance(run)) state_.runs.push_back(std::move(run));
    }

    const DagSpec& spec_;
    const Schedule& schedule_;
    const bool live_;
    const Timestamp now_;
    Plan& plan_;
    DagState state_;
};

}  // namespace

std::string_view to_string(TaskPhase phase) { return kPhases[static_cast<std::size_t>(phase)]; }

Plan plan(std::span<const PlannedDag> dags, Timestamp now) {
    Plan plan;
    for (const PlannedDag& dag : dags) plan.after.push_back(DagPlanner(dag, now, plan).run());
    return plan;
}

Result<> finish_task(const DagSpec& spec, DagState& state, Timestamp slot, std::string_view task,
                     TaskEnd end, Timestamp now) {
    for (RunState& run : state.runs) {
        if (run.slot != slot) continue;
        for (TaskState& found : run.tasks) {
            if (found.name != task || found.phase != TaskPhase::running) continue;
            if (end == TaskEnd::succeeded) {
                found.phase = TaskPhase::succeeded;
                return {};
            }
            ++found.failures;
            const TaskLimits limits = limits_of(spec, task);
            const bool again = end == TaskEnd::failed && found.failures <= limits.retries;
            found.phase = again ? TaskPhase::retrying : TaskPhase::failed;
            found.retry_at = now + microseconds(limits.retry_delay);
            return {};
        }
    }
    return Error{ErrorKind::conflict, fmt::format("task {} of dag {} is not running for {}", task,
                                                  state.dag, format_rfc3339(slot))};
}

DagState recovered(DagState state) {
    for (RunState& run : state.runs) {
        for (TaskState& task : run.tasks) {
            if (task.phase == TaskPhase::running) task.phase = TaskPhase::waiting;
        }
    }
    return state;
}

Result<Schedule> dag_schedule(const DagSpec& spec, const DagState& state,
                              std::span<const ShippedFile> calendars) {
    Result<Schedule> schedule = Schedule::make({.cron = spec.schedule,
                                                .zone = spec.zone,
                                                .calendar = spec.calendar,
                                                .calendar_text = spec.calendar_text,
                                                .start = state.first_seen},
                                               calendars);
    if (!schedule) return in_context(fmt::format("dag {}", spec.name), schedule.error());
    return schedule;
}

}  // namespace tapedeck
