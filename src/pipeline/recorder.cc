#include "pipeline/recorder.h"

#include <fmt/format.h>

#include <algorithm>

#include "events/recording.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr auto kHouseKeeping = std::chrono::hours(1);
constexpr auto kBetweenAsks = 2s;  // of a store that is away

template <class... Visitors>
struct Overloaded : Visitors... {
    using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

Value optional_time(const std::optional<Timestamp>& time) {
    return time ? Value(*time) : Value(std::monostate{});
}

const TaskSpec& task_of(const DagSpec& dag, const std::string& name) {
    const auto found = std::ranges::find(dag.tasks, name, &TaskSpec::name);
    TAPEDECK_ASSERT(found != dag.tasks.end());
    return *found;
}

}  // namespace

Recorder::Recorder(Parts parts, RecorderOrders orders)
    : parts_(std::move(parts)),
      orders_(std::move(orders)),
      states_(parts_.log),
      runs_(parts_.store),
      coverage_(parts_.store, parts_.tape, orders_.feeds),
      problems_(parts_.store, parts_.clock, parts_.log, parts_.tell) {}

std::string Recorder::run_id(const std::string& dag, Timestamp slot) const {
    return dag + "/" + format_rfc3339(slot);
}

Result<> Recorder::run(std::stop_token stop) {
    stop_ = stop;
    if (auto done = catch_up(); !done) return done;
    if (stop.stop_requested()) return {};
    if (auto done = load_states(); !done) return done;
    for (const auto& [name, feed] : orders_.feeds) dirty_.insert(name);
    const std::stop_callback wake_on_stop(stop, [this] { wake(); });
    std::stop_source loader_stop;
    Loader loader(parts_.tape, parts_.store, parts_.clock, parts_.log, orders_.loading,
                  [this](const Batch&, const Committed&) {
                      {
                          const std::lock_guard lock(mutex_);
                          loaded_ = true;
                      }
                      wake();
                  });
    std::jthread loading([&] {
        auto done = loader.run(loader_stop.get_token(), false);
        if (done) return;
        {
            const std::lock_guard lock(mutex_);
            load_error_ = done.error();
        }
        wake();
    });
    Result<> result;
    for (bool first = true; !stop.stop_requested(); first = false) {
        auto next = step();
        if (!next) {
            result = next.error();
            break;
        }
        if (first) parts_.log.emit(RecorderReady{next_slot()});
        std::stop_token woken;
        {
            const std::lock_guard lock(mutex_);
            woken = wake_.get_token();
        }
        parts_.clock.sleep_until(*next, woken);
    }
    for (Worker& worker : workers_) worker.thread.request_stop();
    workers_.clear();  // joins them
    if (auto done = take_events(); !done && result) result = done;
    loader_stop.request_stop();
    loading.join();
    auto finished = finish();
    if (!finished && result) result = finished;
    return result;
}

// What an earlier process left in the journal, and on the tape: that tells which prices are already
// there. A store that is away is waited for, as it alone knows what was started; a tape is not.
Result<> Recorder::catch_up() {
    LoaderOptions loading = orders_.loading;
    if (parts_.journal != nullptr || parts_.accounts_wait) loading.give_up_after = 1;
    for (bool told = false; !stop_.stop_requested();) {
        Result<> done;
        if (parts_.journal != nullptr) done = parts_.journal->replay(parts_.store);
        bool at_store = !done;
        if (done) {
            Loader loader(parts_.tape, parts_.store, parts_.clock, parts_.log, loading);
            if (auto loaded = loader.run(stop_, true); !loaded) done = loaded.error();
            if (done) return done;
            at_store = !runs_.open_runs();
        }
        if (!retryable(done.error().kind)) return done;
        if (!told) parts_.log.emit(Waiting{at_store ? "store" : "tape", done.error().what});
        told = true;
        if (!at_store) return {};
        parts_.clock.sleep_until(parts_.clock.now() + 1s, stop_);
    }
    return {};
}

// Store and tape may be away for long: what is left is kept on this machine or on the tape, and the
// next start goes on with it.
Result<> Recorder::finish() {
    Result<> result;
    if (!unsaved_.empty()) {
        result = save_or_journal(unsaved_);
        if (!result) return result;
    }
    const auto bearable = [&](const Error& error) {
        if (!retryable(error.kind) || (parts_.journal == nullptr && !parts_.accounts_wait)) {
            return false;
        }
        parts_.log.emit(Waiting{"the next start", error.what});
        return true;
    };
    LoaderOptions loading = orders_.loading;
    if (loading.give_up_after == 0) loading.give_up_after = 3;
    Loader last(parts_.tape, parts_.store, parts_.clock, parts_.log, loading);
    if (auto done = last.run({}, true); !done) {
        return bearable(done.error()) ? Result<>() : Result<>(done.error());
    }
    auto settled = coverage_.settle(orders_.expectations, parts_.clock.now());
    if (!settled && !bearable(settled.error())) return settled.error();
    return {};
}

std::optional<Timestamp> Recorder::next_slot() const {
    std::optional<Timestamp> next;
    for (const Dag& dag : dags_) {
        const auto slot = dag.schedule.next_open(parts_.clock.now());
        if (slot && !dag.state.paused && (!next || *slot < *next)) next = slot;
    }
    return next;
}

Result<> Recorder::load_states() {
    auto open = runs_.open_runs();
    if (!open) return open.error();
    for (const DagSpec& spec : orders_.dags) {
        auto state = state_of(spec, *open);
        if (!state) return state.error();
        DagState ready = recovered(*std::move(state));
        auto schedule = dag_schedule(spec, ready);
        if (!schedule) return schedule.error();
        dags_.push_back({spec, *std::move(schedule), std::move(ready)});
    }
    return {};
}

Result<DagState> Recorder::state_of(const DagSpec& spec, const std::vector<RunRow>& open) {
    DagState state;
    state.dag = spec.name;
    state.first_seen = parts_.clock.now();
    state.paused = spec.paused;
    auto kept = runs_.dag_state(spec.name);
    if (!kept) return kept.error();
    if (*kept) {
        state.paused = (*kept)->paused;
        state.handled = (*kept)->handled_until;
        if ((*kept)->since) state.first_seen = *(*kept)->since;
    }
    for (const RunRow& row : open) {
        if (row.dag != spec.name || row.kind != "scheduled") continue;
        auto tries = runs_.tries(row.run_id);
        if (!tries) return tries.error();
        RunState run{row.slot, {}};
        for (const TaskSpec& task : spec.tasks) run.tasks.push_back({.name = task.name});
        for (const TryRow& attempt : *tries) {
            const auto task = std::ranges::find(run.tasks, attempt.task, &TaskState::name);
            if (task == run.tasks.end()) continue;
            task->tries = std::max(task->tries, attempt.number);
            if (attempt.state == "success") task->phase = TaskPhase::succeeded;
            if (attempt.state == "running") task->phase = TaskPhase::running;
            if (attempt.state != "failed") continue;
            ++task->failures;
            const TaskLimits limits = limits_of(spec, task->name);
            task->phase =
                task->failures <= limits.retries ? TaskPhase::retrying : TaskPhase::failed;
            task->retry_at = attempt.ended_at.value_or(attempt.started_at) + limits.retry_delay;
        }
        state.runs.push_back(std::move(run));
    }
    return state;
}

// Another process may pause a DAG; the table says so.
Result<> Recorder::read_pauses() {
    return parts_.store.query({"select dag, paused from dag_states", {}, {}},
                              [&](const RowView& row) -> Result<> {
                                  for (Dag& dag : dags_) {
                                      if (dag.spec.name != row.text(0)) continue;
                                      dag.state.paused = row.integer(1) != 0;
                                  }
                                  return {};
                              });
}

Result<Timestamp> Recorder::step() {
    {
        const std::lock_guard lock(mutex_);
        wake_ = std::stop_source();
        if (stop_.stop_requested()) wake_.request_stop();
        if (load_error_) return *load_error_;
    }
    if (auto done = take_events(); !done) return done.error();
    if (auto done = bring_journal_home(); !done) return done.error();
    if (!store_away_) {
        if (auto done = read_pauses(); !done && !retryable(done.error().kind)) return done.error();
    }
    std::vector<PlannedDag> planned;
    for (const Dag& dag : dags_) planned.push_back({dag.spec, dag.schedule, dag.state});
    const Plan next = plan(planned, parts_.clock.now());
    if (auto done = save(next); !done) return done.error();
    for (std::size_t i = 0; i < dags_.size(); ++i) dags_[i].state = next.after[i];
    for (const Action& action : next.actions) carry_out(action);
    if (auto done = settle(); !done) return done.error();
    keep_house();
    Timestamp until = next.wake.value_or(Timestamp::max());
    if (settle_at_) until = std::min(until, *settle_at_);
    if (store_away_) until = std::min(until, parts_.clock.now() + kBetweenAsks);
    return until;
}

Result<> Recorder::save(const Plan& plan) {
    std::vector<Statement> statements = std::move(unsaved_);
    unsaved_.clear();
    const Timestamp now = parts_.clock.now();
    for (const Action& action : plan.actions) {
        std::visit(
            Overloaded{
                [&](const StartRun& run) {
                    statements.push_back(
                        {"insert into dag_runs (run_id, dag, slot, kind, state, created_at, "
                         "started_at, config) values ($1, $2, $3, 'scheduled', 'running', $4, $4, "
                         "$5)",
                         {run_id(run.dag, run.slot), run.dag, run.slot, now, orders_.config},
                         1});
                },
                [&](const StartTask& task) {
                    statements.push_back(
                        {"insert into task_tries (run_id, task, try, state, started_at, ended_at) "
                         "values ($1, $2, $3, $4, $5, $6)",
                         {run_id(task.dag, task.slot), task.task,
                          static_cast<std::int64_t>(task.try_number),
                          std::string(task.done ? "success" : "running"), now,
                          optional_time(task.done ? std::optional(now) : std::nullopt)},
                         1});
                },
                [&](const EndRun& run) {
                    statements.push_back(
                        {"update dag_runs set state = $2, ended_at = $3 where run_id = $1",
                         {run_id(run.dag, run.slot),
                          std::string(run.succeeded ? "success" : "failed"), now},
                         1});
                },
                [&](const MarkMissed&) {}},  // follows from the state's `handled`
            action);
    }
    for (std::size_t i = 0; i < dags_.size(); ++i) {
        const DagState& state = plan.after[i];
        const DagState& before = dags_[i].state;
        if (plan.actions.empty() && state.handled == before.handled &&
            state.first_seen == before.first_seen && house_kept_.count() >= 0) {
            continue;
        }
        statements.push_back(
            {"insert into dag_states (dag, paused, handled_until, since) values ($1, $2, $3, $4) "
             "on conflict (dag) do update set handled_until = excluded.handled_until, since = "
             "excluded.since",
             {state.dag, static_cast<std::int64_t>(state.paused ? 1 : 0),
              optional_time(state.handled), state.first_seen},
             {}});
    }
    if (statements.empty()) return {};
    return parts_.journal == nullptr ? save_with_patience(statements) : save_or_journal(statements);
}

// The order of what is saved is kept: while the journal holds anything, all goes there.
Result<> Recorder::save_or_journal(std::span<const Statement> statements) {
    if (!store_away_) {
        auto saved = parts_.store.transact(statements);
        if (saved) return {};
        if (parts_.journal == nullptr || !retryable(saved.error().kind)) return saved.error();
        parts_.log.emit(Waiting{"store", saved.error().what});
        store_away_ = asked_store_ = parts_.clock.steady();
    }
    return parts_.journal->append(statements);
}

Result<> Recorder::bring_journal_home() {
    const auto now = parts_.clock.steady();
    if (!store_away_ || now - asked_store_ < kBetweenAsks) return {};
    asked_store_ = now;
    auto home = parts_.journal->replay(parts_.store);
    if (home) home = read_pauses();  // an empty journal asks nobody
    if (!home) return retryable(home.error().kind) ? Result<>() : home;
    parts_.log.emit(Recovered{"store", (now - *store_away_).count() / 1000});
    store_away_.reset();
    for (const auto& [name, feed] : orders_.feeds) dirty_.insert(name);
    return {};
}

// The schedule must outlive a store that is away for a while: it waits and says so once.
Result<> Recorder::save_with_patience(std::span<const Statement> statements) {
    const auto began = parts_.clock.steady();
    for (int tries = 1;; ++tries) {
        auto saved = parts_.store.transact(statements);
        if (saved) {
            if (tries > 1) {
                parts_.log.emit(Recovered{"store", (parts_.clock.steady() - began).count() / 1000});
            }
            return {};
        }
        if (!retryable(saved.error().kind) || stop_.stop_requested()) return saved.error();
        if (tries == 1) parts_.log.emit(Waiting{"store", saved.error().what});
        parts_.clock.sleep_until(parts_.clock.now() + 1s, stop_);
    }
}

void Recorder::carry_out(const Action& action) {
    std::visit(Overloaded{[&](const StartRun&) {},
                          [&](const StartTask& task) {
                              if (task.done) return;
                              if (auto started = start_collecting(task); !started) {
                                  const std::lock_guard lock(mutex_);
                                  ended_.push_back({task, {}, started.error()});
                                  wake_.request_stop();
                              }
                          },
                          [&](const EndRun& run) {
                              sent_.erase({run.dag, run.slot});
                              for (const Dag& dag : dags_) {
                                  if (dag.spec.name != run.dag) continue;
                                  for (const TaskSpec& task : dag.spec.tasks) {
                                      if (!task.feed.empty()) dirty_.insert(task.feed);
                                  }
                              }
                          },
                          [&](const MarkMissed& missed) {
                              parts_.log.emit(
                                  SlotMissed{missed.dag, missed.slots.front(), missed.slots.back(),
                                             static_cast<std::int64_t>(missed.slots.size())});
                              for (const Expectation& one : orders_.expectations) {
                                  if (one.dag == missed.dag) dirty_.insert(one.feed);
                              }
                          }},
               action);
}

// A slot's later tries, and those after a restart, ask only for what has no price yet.
Result<std::vector<std::string>> Recorder::still_wanted(const StartTask& task, const Feed& feed) {
    std::set<std::string> have = sent_[{task.dag, task.slot}];
    if (task.try_number > 1) {
        const auto note = [&](const RowView& row) -> Result<> {
            have.insert(std::string(row.text(0)));
            return {};
        };
        auto done = parts_.store.query(
            {fmt::format("select instrument from {} where slot = $1", feed.table.name),
             {task.slot},
             {}},
            note);
        if (done) {
            done = parts_.store.query({"select instrument from outcomes where feed = $1 and slot = "
                                       "$2 and state = 'sent'",
                                       {feed.name, task.slot},
                                       {}},
                                      note);
        }
        // Asking twice is better than not at all: the store takes a slot once.
        if (!done && (parts_.journal == nullptr || !retryable(done.error().kind))) {
            return done.error();
        }
    }
    std::vector<std::string> wanted;
    for (const std::string& instrument : feed.instruments) {
        if (!have.contains(instrument)) wanted.push_back(instrument);
    }
    return wanted;
}

Result<> Recorder::start_collecting(const StartTask& task) {
    const auto dag = std::ranges::find(dags_, task.dag, [](const Dag& d) { return d.spec.name; });
    TAPEDECK_ASSERT(dag != dags_.end());
    const Feed& feed = orders_.feeds.at(task_of(dag->spec, task.task).feed);
    auto wanted = still_wanted(task, feed);
    if (!wanted) return wanted.error();
    CollectJob job{run_id(task.dag, task.slot),
                   task.slot,
                   task.try_number,
                   *std::move(wanted),
                   std::min(task.deadline.value_or(Timestamp::max()),
                            parts_.clock.now() + limits_of(dag->spec, task.task).timeout),
                   orders_.config};
    Worker& worker = workers_.emplace_back(Worker{task, {}});
    worker.thread = std::jthread([this, task, &feed, job = std::move(job)](std::stop_token stop) {
        Bench bench = take_bench();
        Ended ended{task, feed.name, Error{ErrorKind::unavailable, "no HTTP client"}};
        if (bench.collector) ended.account = bench.collector->collect(feed, job, stop);
        return_bench(std::move(bench));
        const std::lock_guard lock(mutex_);
        ended_.push_back(std::move(ended));
        wake_.request_stop();
    });
    return {};
}

Recorder::Bench Recorder::take_bench() {
    {
        const std::lock_guard lock(mutex_);
        if (!benches_.empty()) {
            Bench bench = std::move(benches_.back());
            benches_.pop_back();
            return bench;
        }
    }
    Bench bench;
    auto client = parts_.make_client();
    if (!client) {
        parts_.log.emit(StepFailed{"opening an HTTP client", client.error().what});
        return bench;
    }
    bench.client = *std::move(client);
    bench.collector = std::make_unique<Collector>(
        Collector::Parts{parts_.clock, parts_.tape, *bench.client, parts_.captures, states_,
                         parts_.secrets, parts_.log, parts_.name});
    return bench;
}

void Recorder::return_bench(Bench bench) {
    if (!bench.collector) return;
    bench.client->rest();
    const std::lock_guard lock(mutex_);
    benches_.push_back(std::move(bench));
}

Result<> Recorder::take_events() {
    std::vector<Ended> ended;
    {
        const std::lock_guard lock(mutex_);
        ended.swap(ended_);
        if (loaded_) {
            loaded_ = false;
            for (const auto& [name, feed] : orders_.feeds) dirty_.insert(name);
        }
    }
    for (const Ended& one : ended) {
        if (auto done = task_ended(one); !done) return done;
    }
    return {};
}

Result<> Recorder::task_ended(const Ended& ended) {
    const StartTask& task = ended.task;
    const Timestamp now = parts_.clock.now();
    std::string what;
    TaskEnd end = TaskEnd::succeeded;
    if (ended.account) {
        std::size_t missing = 0;
        for (const Outcome& outcome : ended.account->outcomes) {
            if (outcome.sent) {
                sent_[{task.dag, task.slot}].insert(outcome.instrument);
            } else {
                ++missing;
            }
        }
        if (missing > 0) {
            end = TaskEnd::failed;
            what = fmt::format("{} of {} without a price", missing, ended.account->outcomes.size());
        }
    } else {
        end = TaskEnd::failed;
        what = ended.account.error().what;
        parts_.log.emit(StepFailed{task.dag + "." + task.task, what});
    }
    unsaved_.push_back(
        {"update task_tries set state = $4, ended_at = $5, what = $6 where run_id = $1 and task = "
         "$2 and try = $3",
         {run_id(task.dag, task.slot), task.task, static_cast<std::int64_t>(task.try_number),
          std::string(end == TaskEnd::succeeded ? "success" : "failed"), now, what},
         1});
    const auto dag = std::ranges::find(dags_, task.dag, [](const Dag& d) { return d.spec.name; });
    TAPEDECK_ASSERT(dag != dags_.end());
    dirty_.insert(ended.feed);
    std::erase_if(workers_, [&](const Worker& worker) { return worker.task == task; });  // joins
    return finish_task(dag->spec, dag->state, task.slot, task.task, end, now);
}

Result<> Recorder::settle() {
    const Timestamp now = parts_.clock.now();
    if (dirty_.empty() && (!settle_at_ || now < *settle_at_)) return {};
    if (store_away_) {
        settle_at_.reset();  // everything is settled when the store is back
        return {};
    }
    if (parts_.accounts_wait && parts_.accounts_wait()) {
        settle_at_ = now + 5s;  // what waits in the spool would be taken for missed
        return {};
    }
    dirty_.clear();
    auto changed = coverage_.settle(orders_.expectations, now);
    if (!changed) {
        if (!retryable(changed.error().kind)) return changed.error();
        parts_.log.emit(Waiting{"store", changed.error().what});
        settle_at_ = now + 5s;
        if (parts_.journal != nullptr) store_away_ = asked_store_ = parts_.clock.steady();
        return {};
    }
    settle_at_ = changed->next;  // a slot that nobody runs is given up then
    for (const std::string& feed : changed->feeds) {
        const auto limits = orders_.problem_limits.find(feed);
        auto looked = problems_.look(
            orders_.feeds, feed,
            limits == orders_.problem_limits.end() ? ProblemLimits{} : limits->second);
        if (!looked) parts_.log.emit(StepFailed{"looking for problems", looked.error().what});
    }
    if (changed->changed > 0 && parts_.changed) parts_.changed();
    return {};
}

void Recorder::keep_house() {
    const auto now = parts_.clock.steady();
    if (house_kept_.count() >= 0 && now - house_kept_ < kHouseKeeping) return;
    house_kept_ = now;
    // Pruning may take seconds, and a slot must not wait for it. Joins the last one, an hour old.
    if (parts_.housekeeping) house_ = std::jthread([this] { parts_.housekeeping(); });
}

void Recorder::wake() {
    const std::lock_guard lock(mutex_);
    wake_.request_stop();
}

}  // namespace tapedeck
