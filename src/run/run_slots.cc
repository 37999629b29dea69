#include "run/run_slots.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "coverage/coverage_facts.h"

namespace tapedeck {
namespace {

RunState run_state(const DagSpec& spec, const KnownDag::Run& known) {
    RunState run{known.row.slot, {}};
    for (const TaskSpec& task : spec.tasks) run.tasks.push_back({.name = task.name});
    for (const TryRow& attempt : known.tries) {
        const auto task = std::ranges::find(run.tasks, attempt.task, &TaskState::name);
        if (task == run.tasks.end()) continue;
        task->tries = std::max(task->tries, attempt.number);
        if (attempt.state == "success") task->phase = TaskPhase::succeeded;
        if (attempt.state == "running") task->phase = TaskPhase::running;
        if (attempt.state != "failed") continue;
        ++task->failures;
        const TaskLimits limits = limits_of(spec, task->name);
        task->phase = task->failures <= limits.retries ? TaskPhase::retrying : TaskPhase::failed;
        task->retry_at = attempt.ended_at.value_or(attempt.started_at) + limits.retry_delay;
    }
    return run;
}

DagState dag_state(const DagSpec& spec, const KnownDag* known, Timestamp now) {
    DagState state;
    state.dag = spec.name;
    state.first_seen = now;
    state.paused = spec.paused;
    if (known == nullptr) return state;
    state.paused = known->state.paused;
    state.handled = known->state.handled_until;
    state.first_seen = known->state.since.value_or(now);
    for (const KnownDag::Run& run : known->open) state.runs.push_back(run_state(spec, run));
    return state;
}

}  // namespace

RunSlots::RunSlots(std::vector<DagSpec> dags, std::string config, std::string deployment)
    : specs_(std::move(dags)), config_(std::move(config)), deployment_(std::move(deployment)) {}

std::string RunSlots::run_id(const std::string& dag, Timestamp slot) const {
    const auto begun = begun_.find({dag, slot});
    if (begun != begun_.end()) return begun->second;
    const std::string id = dag + "/" + format_rfc3339(slot);
    return deployment_.empty() ? id : id + "/" + deployment_;
}

Result<> RunSlots::begin(std::span<const KnownDag> known, Timestamp now) {
    for (const KnownDag& dag : known) {
        for (const KnownDag::Run& run : dag.open) {
            begun_[{dag.state.dag, run.row.slot}] = run.row.run_id;
        }
    }
    for (DagSpec& spec : specs_) {
        const auto found =
            std::ranges::find(known, spec.name, [](const KnownDag& one) { return one.state.dag; });
        DagState state = recovered(dag_state(spec, found == known.end() ? nullptr : &*found, now));
        auto schedule = dag_schedule(spec, state);
        if (!schedule) return schedule.error();
        dags_.push_back({std::move(spec), *std::move(schedule), std::move(state)});
    }
    specs_.clear();
    return {};
}

Statement RunSlots::kept(const StartRun& run, Timestamp now) const {
    return RunTable::run_begun(
        {run_id(run.dag, run.slot), run.dag, run.slot, "scheduled", "running", now, {}}, config_);
}

Statement RunSlots::kept(const StartTask& task, Timestamp now) const {
    return RunTable::try_begun(run_id(task.dag, task.slot),
                               {task.task, task.try_number, task.done ? "success" : "running", now,
                                task.done ? std::optional(now) : std::nullopt, ""});
}

Statement RunSlots::kept(const EndRun& run, Timestamp now) const {
    return RunTable::run_ended(run_id(run.dag, run.slot), run.succeeded ? "success" : "failed",
                               now);
}

// Empty: nobody was there, or nobody wanted it run.
std::string RunSlots::why_missed(const Dag& dag, Timestamp slot, const Hindrance& hindrance) const {
    if (dag.state.paused) return {};
    if (hindrance.since && slot + dag.schedule.grace_at(slot) >= *hindrance.since) {
        return hindrance.what;
    }
    // A process that has just started knows runs that one before it has left.
    if (!is_kept_ || std::ssize(dag.state.runs) < dag.spec.concurrency) return {};
    return fmt::format("the run of {} had not ended{}{}",
                       format_rfc3339(dag.state.runs.front().slot),
                       hindrance.store.empty() ? "" : "; the store waits: ", hindrance.store);
}

// A try of each task that collects says why there is no price.
void RunSlots::keep_missed(const MarkMissed& missed, const Hindrance& hindrance, Timestamp now,
                           std::vector<Statement>& statements) const {
    const auto dag =
        std::ranges::find(dags_, missed.dag, [](const Dag& one) { return one.spec.name; });
    TAPEDECK_ASSERT(dag != dags_.end());
    for (const Timestamp slot : missed.slots) {
        const std::string what = why_missed(*dag, slot, hindrance);
        if (what.empty()) continue;
        const std::string id = run_id(missed.dag, slot);
        statements.push_back(RunTable::run_begun(
            {id, missed.dag, slot, "scheduled", std::string(kRunMissed), now, {}}, config_));
        for (const TaskSpec& task : dag->spec.tasks) {
            if (task.feed.empty()) continue;
            statements.push_back(RunTable::try_begun(id, {task.name, 1, "failed", now, now, what}));
        }
    }
}

Decision RunSlots::decide(Timestamp now, const Hindrance& hindrance) const {
    std::vector<PlannedDag> planned;
    for (const Dag& dag : dags_) planned.push_back({dag.spec, dag.schedule, dag.state});
    Decision decision{plan(planned, now), ended_};
    for (const Action& action : decision.plan.actions) {
        if (const auto* run = std::get_if<StartRun>(&action)) {
            decision.statements.push_back(kept(*run, now));
        } else if (const auto* task = std::get_if<StartTask>(&action)) {
            decision.statements.push_back(kept(*task, now));
        } else if (const auto* end = std::get_if<EndRun>(&action)) {
            decision.statements.push_back(kept(*end, now));
        } else if (const auto* missed = std::get_if<MarkMissed>(&action)) {
            // That nobody was there follows from the state's `handled`.
            keep_missed(*missed, hindrance, now, decision.statements);
        }
    }
    for (std::size_t i = 0; i < dags_.size(); ++i) {
        const DagState& after = decision.plan.after[i];
        const DagState& before = dags_[i].state;
        if (decision.plan.actions.empty() && after.handled == before.handled && is_kept_) continue;
        decision.statements.push_back(
            RunTable::dag_planned({after.dag, after.paused, after.handled, after.first_seen}));
    }
    return decision;
}

void RunSlots::carried_out(const Decision& decision) {
    for (std::size_t i = 0; i < dags_.size(); ++i) dags_[i].state = decision.plan.after[i];
    for (const Action& action : decision.plan.actions) {
        const auto* end = std::get_if<EndRun>(&action);
        if (end == nullptr) continue;
        have_.erase({end->dag, end->slot});
        begun_.erase({end->dag, end->slot});
    }
    ended_.clear();
    is_kept_ = true;
}

Result<> RunSlots::try_ended(const StartTask& task, bool succeeded, const std::string& what,
                             const std::set<std::string>& sent, Timestamp now) {
    ended_.push_back(RunTable::try_ended(
        run_id(task.dag, task.slot),
        {task.task, task.try_number, succeeded ? "success" : "failed", {}, now, what}));
    have(task.dag, task.slot, sent);
    const auto dag =
        std::ranges::find(dags_, task.dag, [](const Dag& one) { return one.spec.name; });
    TAPEDECK_ASSERT(dag != dags_.end());
    return finish_task(dag->spec, dag->state, task.slot, task.task,
                       succeeded ? TaskEnd::succeeded : TaskEnd::failed, now);
}

void RunSlots::have(const std::string& dag, Timestamp slot, std::set<std::string> instruments) {
    const bool open = std::ranges::any_of(dags_, [&](const Dag& one) {
        return one.spec.name == dag &&
               std::ranges::any_of(one.state.runs,
                                   [&](const RunState& run) { return run.slot == slot; });
    });
    if (open) have_[{dag, slot}].merge(instruments);
}

std::vector<std::string> RunSlots::wanted(const StartTask& task,
                                          const std::vector<std::string>& instruments) const {
    const auto known = have_.find({task.dag, task.slot});
    if (known == have_.end()) return instruments;
    std::vector<std::string> wanted;
    for (const std::string& instrument : instruments) {
        if (!known->second.contains(instrument)) wanted.push_back(instrument);
    }
    return wanted;
}

void RunSlots::set_paused(const std::string& name, bool paused) {
    for (Dag& dag : dags_) {
        if (dag.spec.name == name) dag.state.paused = paused;
    }
}

std::vector<std::string> RunSlots::feeds_of(const std::string& name) const {
    std::vector<std::string> feeds;
    for (const Dag& dag : dags_) {
        if (dag.spec.name != name) continue;
        for (const TaskSpec& task : dag.spec.tasks) {
            if (!task.feed.empty()) feeds.push_back(task.feed);
        }
    }
    return feeds;
}

const DagSpec& RunSlots::spec(const std::string& name) const {
    const auto dag = std::ranges::find(dags_, name, [](const Dag& one) { return one.spec.name; });
    TAPEDECK_ASSERT(dag != dags_.end());
    return dag->spec;
}

const TaskSpec& RunSlots::task_of(const StartTask& task) const {
    const DagSpec& dag = spec(task.dag);
    const auto found = std::ranges::find(dag.tasks, task.task, &TaskSpec::name);
    TAPEDECK_ASSERT(found != dag.tasks.end());
    return *found;
}

std::optional<Timestamp> RunSlots::next_slot(Timestamp now) const {
    std::optional<Timestamp> next;
    for (const Dag& dag : dags_) {
        const auto slot = dag.schedule.next_open(now);
        if (slot && !dag.state.paused && (!next || *slot < *next)) next = slot;
    }
    return next;
}

}  // namespace tapedeck
