#include "run/schedule_side.h"

#include <fmt/format.h>

#include <algorithm>

#include "events/recording.h"
#include "run/ask_patiently.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenWrites = 1s;  // of a journal that cannot be written

}  // namespace

ScheduleSide::ScheduleSide(Parts parts, Orders orders)
    : parts_(std::move(parts)),
      feeds_(std::move(orders.feeds)),
      config_(orders.config),
      deployment_(orders.deployment),
      slots_(std::move(orders.dags), orders.config, orders.deployment) {}

Result<> ScheduleSide::begin(const std::stop_token& stop) {
    if (auto done = parts_.store_side.catch_up(stop); !done || stop.stop_requested()) return done;
    std::vector<KnownDag> known;
    auto done = ask_patiently(parts_.clock, parts_.log, stop, [&]() -> Result<> {
        auto found = parts_.store_side.known_dags();
        if (!found) return found.error();
        known = *std::move(found);
        return {};
    });
    if (done && !stop.stop_requested()) done = slots_.begin(known, parts_.clock.now());
    for (const KnownDag& dag : known) {
        for (const KnownDag::Run& run : dag.open) {
            for (const std::string& feed : slots_.feeds_of(dag.state.dag)) {
                if (!done || stop.stop_requested()) return done;
                done = ask_patiently(parts_.clock, parts_.log, stop, [&]() -> Result<> {
                    auto priced = parts_.store_side.priced(feed, run.row.slot);
                    if (!priced) return priced.error();
                    slots_.have(dag.state.dag, run.row.slot, *std::move(priced));
                    return {};
                });
            }
        }
    }
    return done;
}

Result<> ScheduleSide::keep(const std::stop_token& stop) {
    for (bool first = true;; first = false) {
        const std::stop_token woken = parts_.bell.listen();
        if (stop.stop_requested()) return {};
        auto next = step();
        if (!next) return next.error();
        if (first) parts_.log.emit(RecorderReady{slots_.next_slot(parts_.clock.now())});
        const Timestamp now = parts_.clock.now();
        parts_.clock.sleep_until(std::min(*next, parts_.workers.stop_overdue(now)), woken);
    }
}

Result<> ScheduleSide::end() {
    auto ended = take_ended();
    if (!ended || slots_.unkept().empty()) return ended;
    return parts_.journal.append(slots_.unkept());
}

Result<Timestamp> ScheduleSide::step() {
    if (auto done = parts_.failed(); !done) return done.error();
    if (auto done = take_ended(); !done) return done.error();
    take_news();
    const Timestamp now = parts_.clock.now();
    hindrance_.store = parts_.store_side.waits_for();
    const Decision decision = slots_.decide(now, hindrance_);
    const auto is_kept = keep_in_journal(decision, now);
    if (!is_kept) return is_kept.error();
    if (!*is_kept) return now + kBetweenWrites;  // nothing was decided then
    if (std::ranges::none_of(decision.plan.actions, [](const Action& action) {
            return std::holds_alternative<MarkMissed>(action);
        })) {
        hindrance_ = {};
    }
    slots_.carried_out(decision);
    for (const Action& action : decision.plan.actions) carry_out(action);
    if (!decision.statements.empty()) parts_.store_side.journal_grew();
    parts_.store_side.next_slot_is(slots_.next_slot(now));
    return decision.plan.wake.value_or(Timestamp::max());
}

Result<bool> ScheduleSide::keep_in_journal(const Decision& decision, Timestamp now) {
    if (decision.statements.empty()) return true;
    const auto kept = parts_.journal.append(decision.statements);
    if (kept) {
        if (std::exchange(journal_told_, false)) parts_.log.emit(Recovered{"journal", 0});
        parts_.store_side.held_up(std::nullopt);
        return true;
    }
    if (!retryable(kept.error().kind)) return kept.error();
    if (!std::exchange(journal_told_, true)) {
        parts_.log.emit(Waiting{"journal", kept.error().what});
    }
    held_up_by_journal(kept.error(), now);
    return false;
}

// The slots that fall due meanwhile are in no table until there is room again.
void ScheduleSide::held_up_by_journal(const Error& error, Timestamp now) {
    if (!hindrance_.since) hindrance_.since = now;
    hindrance_.what = fmt::format("the recorder's journal could not be written from {} on: {}",
                                  format_rfc3339(*hindrance_.since), error.what);
    parts_.store_side.held_up(HeldBack{*hindrance_.since, hindrance_.what});
}

void ScheduleSide::carry_out(const Action& action) {
    if (const auto* task = std::get_if<StartTask>(&action)) {
        if (!task->done) start_collecting(*task);
    } else if (const auto* run = std::get_if<EndRun>(&action)) {
        if (!slots_.feeds_of(run->dag).empty()) parts_.store_side.coverage_changed();
    } else if (const auto* missed = std::get_if<MarkMissed>(&action)) {
        parts_.log.emit(SlotMissed{missed->dag, missed->slots.front(), missed->slots.back(),
                                   static_cast<std::int64_t>(missed->slots.size())});
        if (!slots_.feeds_of(missed->dag).empty()) parts_.store_side.coverage_changed();
    }
}

void ScheduleSide::start_collecting(const StartTask& task) {
    const Feed& feed = feeds_.at(slots_.task_of(task).feed);
    const Timestamp ends_by =
        parts_.clock.now() + limits_of(slots_.spec(task.dag), task.task).timeout;
    const Timestamp deadline = std::min(task.deadline.value_or(Timestamp::max()), ends_by);
    parts_.workers.start(
        task, feed,
        {slots_.run_id(task.dag, task.slot), task.slot, task.try_number,
         slots_.wanted(task, feed.instruments), deadline, config_, false, deployment_});
}

Result<> ScheduleSide::take_ended() {
    for (const Workers::Ended& one : parts_.workers.take_ended()) {
        if (auto done = take_ended(one); !done) return done;
    }
    return {};
}

Result<> ScheduleSide::take_ended(const Workers::Ended& ended) {
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
    if (!what.empty()) parts_.store_side.look_up(task.dag, ended.feed, task.slot);
    parts_.store_side.coverage_changed();
    return slots_.try_ended(task, what.empty(), what, sent, parts_.clock.now());
}

void ScheduleSide::take_news() {
    StoreSide::News news = parts_.store_side.take_news();
    for (const auto& [dag, paused] : news.paused) slots_.set_paused(dag, paused);
    for (StoreSide::News::Prices& one : news.prices) {
        slots_.have(one.dag, one.slot, std::move(one.instruments));
    }
}

}  // namespace tapedeck
