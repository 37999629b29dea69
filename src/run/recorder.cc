#include "run/recorder.h"

#include <fmt/format.h>

#include <algorithm>

#include "events/recording.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenWrites = 1s;  // of a journal that cannot be written
constexpr auto kBetweenTries = 1s;   // of a store that cannot be asked

}  // namespace

Recorder::Recorder(Parts parts, RecorderOrders orders)
    : parts_(std::move(parts)),
      feeds_(orders.feeds),
      expectations_(orders.expectations),
      loading_(orders.loading),
      config_(orders.config),
      deployment_(orders.deployment),
      states_(parts_.log),
      slots_(std::move(orders.dags), orders.config, orders.deployment),
      store_side_({parts_.clock, parts_.store, parts_.tape, parts_.log, parts_.journal, parts_.tell,
                   parts_.changed, parts_.housekeeping, parts_.waiting, [this] { bell_.ring(); }},
                  {std::move(orders.feeds), std::move(orders.expectations),
                   std::move(orders.loading), std::move(orders.problem_limits)}),
      workers_({parts_.clock, parts_.tape, parts_.captures, states_, parts_.secrets, parts_.log,
                parts_.make_client, parts_.name, [this] { bell_.ring(); }}) {}

Result<> Recorder::run(std::stop_token stop) {
    if (auto done = begin(stop); !done || stop.stop_requested()) return done;
    const std::stop_callback wake_on_stop(stop, [this] { bell_.ring(); });
    store_side_.start();
    std::jthread loading([this](std::stop_token halt) { load(std::move(halt)); });
    auto result = keep_schedule(stop);
    workers_.finish();
    auto ended = take_ended();
    if (ended && !slots_.unkept().empty()) ended = parts_.journal.append(slots_.unkept());
    loading.request_stop();
    loading.join();
    auto finished = store_side_.finish();
    if (!result) return result;
    return ended ? finished : ended;
}

// What an earlier process left is in the store, and told to the slots.
Result<> Recorder::begin(std::stop_token stop) {
    if (auto done = store_side_.catch_up(stop); !done || stop.stop_requested()) return done;
    std::vector<KnownDag> known;
    auto done = patiently(stop, [&]() -> Result<> {
        auto found = store_side_.known_dags();
        if (!found) return found.error();
        known = *std::move(found);
        return {};
    });
    if (done && !stop.stop_requested()) done = slots_.begin(known, parts_.clock.now());
    for (const KnownDag& dag : known) {
        for (const KnownDag::Run& run : dag.open) {
            for (const std::string& feed : slots_.feeds_of(dag.state.dag)) {
                if (!done || stop.stop_requested()) return done;
                done = patiently(stop, [&]() -> Result<> {
                    auto priced = store_side_.priced(feed, run.row.slot);
                    if (!priced) return priced.error();
                    slots_.have(dag.state.dag, run.row.slot, *std::move(priced));
                    return {};
                });
            }
        }
    }
    return done;
}

// The store may be away, or out of connections, at any of its first questions.
Result<> Recorder::patiently(const std::stop_token& stop, const std::function<Result<>()>& step) {
    for (bool told = false;; told = true) {
        auto done = step();
        if (done || !retryable(done.error().kind)) return done;
        if (stop.stop_requested()) return {};
        if (!told) parts_.log.emit(Waiting{"store", done.error().what});
        parts_.clock.sleep_until(parts_.clock.now() + kBetweenTries, stop);
    }
}

void Recorder::load(std::stop_token stop) {
    Loader loader(parts_.tape, parts_.store, parts_.clock, parts_.log, loading_,
                  [this](const Batch&, const Committed&) { store_side_.all_changed(); });
    auto done = patiently(stop, [&]() -> Result<> {
        auto ready = parts_.before_loading ? parts_.before_loading(stop) : Result<>();
        if (!ready) return ready;
        auto loaded = loader.run(stop, false);
        return loaded ? Result<>() : Result<>(loaded.error());
    });
    if (done) return;
    {
        const std::lock_guard lock(mutex_);
        load_error_ = done.error();
    }
    bell_.ring();
}

Result<> Recorder::failed() {
    {
        const std::lock_guard lock(mutex_);
        if (load_error_) return *load_error_;
    }
    // A tape in a file of its own fails a run, and would fail the next ones.
    if (parts_.check_files) {
        if (auto same = parts_.check_files(); !same) return same;
    }
    return store_side_.failed();
}

Result<> Recorder::keep_schedule(std::stop_token stop) {
    for (bool first = true;; first = false) {
        const std::stop_token woken = bell_.listen();
        if (stop.stop_requested()) return {};
        auto next = step();
        if (!next) return next.error();
        if (first) parts_.log.emit(RecorderReady{slots_.next_slot(parts_.clock.now())});
        parts_.clock.sleep_until(*next, woken);
    }
}

Result<Timestamp> Recorder::step() {
    if (auto done = failed(); !done) return done.error();
    if (auto done = take_ended(); !done) return done.error();
    take_news();
    const Timestamp now = parts_.clock.now();
    hindrance_.store = store_side_.waits_for();
    const Decision decision = slots_.decide(now, hindrance_);
    if (!decision.statements.empty()) {
        auto kept = parts_.journal.append(decision.statements);
        if (!kept && !retryable(kept.error().kind)) return kept.error();
        if (!kept) {  // nothing was decided then
            if (!std::exchange(journal_told_, true)) {
                parts_.log.emit(Waiting{"journal", kept.error().what});
            }
            held_up_by_journal(kept.error(), now);
            return now + kBetweenWrites;
        }
        if (std::exchange(journal_told_, false)) parts_.log.emit(Recovered{"journal", 0});
        store_side_.held_up(std::nullopt);
    }
    if (std::ranges::none_of(decision.plan.actions, [](const Action& action) {
            return std::holds_alternative<MarkMissed>(action);
        })) {
        hindrance_ = {};
    }
    slots_.carried_out(decision);
    for (const Action& action : decision.plan.actions) carry_out(action);
    if (!decision.statements.empty()) store_side_.journal_grew();
    store_side_.next_slot_is(slots_.next_slot(now));
    return decision.plan.wake.value_or(Timestamp::max());
}

// The slots that fall due meanwhile are in no table until there is room again.
void Recorder::held_up_by_journal(const Error& error, Timestamp now) {
    if (!hindrance_.since) hindrance_.since = now;
    hindrance_.what = fmt::format("the recorder's journal could not be written from {} on: {}",
                                  format_rfc3339(*hindrance_.since), error.what);
    store_side_.held_up(HeldBack{*hindrance_.since, hindrance_.what});
}

void Recorder::carry_out(const Action& action) {
    if (const auto* task = std::get_if<StartTask>(&action)) {
        if (!task->done) start_collecting(*task);
    } else if (const auto* run = std::get_if<EndRun>(&action)) {
        for (const std::string& feed : slots_.feeds_of(run->dag)) store_side_.feed_changed(feed);
    } else if (const auto* missed = std::get_if<MarkMissed>(&action)) {
        parts_.log.emit(SlotMissed{missed->dag, missed->slots.front(), missed->slots.back(),
                                   static_cast<std::int64_t>(missed->slots.size())});
        for (const Expectation& one : expectations_) {
            if (one.dag == missed->dag) store_side_.feed_changed(one.feed);
        }
    }
}

void Recorder::start_collecting(const StartTask& task) {
    const Feed& feed = feeds_.at(slots_.task_of(task).feed);
    const TaskLimits limits = limits_of(slots_.spec(task.dag), task.task);
    workers_.start(
        task, feed,
        {slots_.run_id(task.dag, task.slot), task.slot, task.try_number,
         slots_.wanted(task, feed.instruments),
         std::min(task.deadline.value_or(Timestamp::max()), parts_.clock.now() + limits.timeout),
         config_, false, deployment_});
}

Result<> Recorder::take_ended() {
    for (const Workers::Ended& one : workers_.take_ended()) {
        if (auto done = take_ended(one); !done) return done;
    }
    return {};
}

Result<> Recorder::take_ended(const Workers::Ended& ended) {
    const StartTask& task = ended.task;
    if (!ended.account && ended.account.error().kind == ErrorKind::corrupt) {
        // The tape's file is another one or damaged: what came after would be sent into nothing.
        return ended.account.error();
    }
    std::string what;
    std::set<std::string> sent;
    if (ended.account) {
        for (const Outcome& outcome : ended.account->outcomes) {
            if (outcome.sent) sent.insert(outcome.instrument);
        }
        const std::size_t missing = ended.account->outcomes.size() - sent.size();
        if (missing > 0) {
            what = fmt::format("{} of {} without a price", missing, ended.account->outcomes.size());
        }
    } else {
        what = ended.account.error().what;
        parts_.log.emit(StepFailed{task.dag + "." + task.task, what});
    }
    // What the store has of it all the same is known by the next try, where it answers in time.
    if (!what.empty()) store_side_.look_up(task.dag, ended.feed, task.slot);
    store_side_.feed_changed(ended.feed);
    return slots_.try_ended(task, what.empty(), what, sent, parts_.clock.now());
}

void Recorder::take_news() {
    StoreSide::News news = store_side_.take_news();
    for (const auto& [dag, paused] : news.paused) slots_.set_paused(dag, paused);
    for (StoreSide::News::Prices& one : news.prices) {
        slots_.have(one.dag, one.slot, std::move(one.instruments));
    }
}

}  // namespace tapedeck
