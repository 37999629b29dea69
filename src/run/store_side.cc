#include "run/store_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/mutex.h"
#include "events/recording.h"
#include "run/held_back.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr auto kHouseKeeping = std::chrono::hours(1);
constexpr auto kBetweenAsks = 2s;    // of a store that is away
constexpr auto kBeforeTheSlot = 1s;  // pauses are read
constexpr auto kWhilePaused = 5s;    // so that a slot is answered whose DAG is resumed in its grace
constexpr std::chrono::milliseconds kLastCalls = 10s;  // of a recorder that ends
constexpr int kLastTries = 3;

}  // namespace

StoreSide::StoreSide(Parts parts, Orders orders)
    : parts_(std::move(parts)),
      orders_(std::move(orders)),
      store_(parts_.store, {.stop = stop_.get_token()}),
      runs_(store_),
      coverage_({parts_.clock, store_, parts_.tape, parts_.log, parts_.tell, parts_.changed,
                 [this] { return held_back(); }},
                {orders_.feeds, orders_.expectations, orders_.problem_limits}) {}

StoreSide::~StoreSide() { stop_.request_stop(); }

Result<> StoreSide::load_to_the_end(Store& store, LoaderOptions loading, std::stop_token stop) {
    Loader loader(parts_.tape, store, parts_.clock, parts_.log, std::move(loading));
    auto loaded = loader.run(std::move(stop), true);
    return loaded ? Result<>() : Result<>(loaded.error());
}

Result<> StoreSide::catch_up(std::stop_token stop) {
    const std::stop_callback forward(stop, [this] { stop_.request_stop(); });
    LoaderOptions loading = orders_.loading;
    loading.give_up_after = 1;
    for (bool told = false; !stop.stop_requested();) {
        auto done = parts_.journal.replay(store_);
        bool at_store = !done;
        if (done) {
            done = load_to_the_end(store_, loading, stop);
            if (done) return done;
            at_store = !runs_.open_runs();
        }
        if (!retryable(done.error().kind)) return done;
        if (!told) parts_.log.emit(Waiting{at_store ? "store" : "tape", done.error().what});
        told = true;
        if (!at_store) return {};
        parts_.clock.sleep_until(parts_.clock.now() + 1s, stop);
    }
    return {};
}

Result<std::vector<KnownDag>> StoreSide::known_dags() {
    auto states = runs_.dag_states();
    if (!states) return states.error();
    auto open = runs_.open_runs();
    if (!open) return open.error();
    std::vector<KnownDag> known;
    for (DagStateRow& state : *states) {
        KnownDag dag{std::move(state), {}};
        for (const RunRow& row : *open) {
            if (row.dag != dag.state.dag || row.kind != "scheduled") continue;
            auto tries = runs_.tries(row.run_id);
            if (!tries) return tries.error();
            dag.open.push_back({row, *std::move(tries)});
        }
        known.push_back(std::move(dag));
    }
    return known;
}

Result<std::set<std::string>> StoreSide::priced(const std::string& name, Timestamp slot) {
    std::set<std::string> found;
    const auto feed = orders_.feeds.find(name);
    if (feed == orders_.feeds.end()) return found;
    const RowSink note = [&](const RowView& row) -> Result<> {
        found.emplace(row.text(0));
        return {};
    };
    auto done = store_.query(
        {fmt::format("select instrument from {} where slot = $1", feed->second.table.name),
         {slot},
         {}},
        note);
    if (!done) return done.error();
    done = store_.query({"select instrument from outcomes where feed = $1 and slot = $2 and state "
                         "= 'sent'",
                         {name, slot},
                         {}},
                        note);
    if (!done) return done.error();
    return found;
}

void StoreSide::start() {
    thread_ = std::jthread([this] { loop(); });
}

void StoreSide::journal_grew() { bell_.ring(); }

void StoreSide::coverage_changed() {
    {
        const Lock lock(mutex_);
        work_.coverage_changed = true;
    }
    bell_.ring();
}

void StoreSide::look_up(const std::string& dag, const std::string& feed, Timestamp slot) {
    {
        const Lock lock(mutex_);
        work_.questions.push_back({dag, feed, slot});
    }
    bell_.ring();
}

void StoreSide::next_slot_is(std::optional<Timestamp> slot) {
    const Lock lock(mutex_);
    if (std::exchange(next_slot_, slot) != slot) bell_.ring();
}

void StoreSide::held_up(std::optional<HeldBack> held_up) {
    const Lock lock(mutex_);
    work_.held_up = std::move(held_up);
}

std::string StoreSide::waits_for() {
    const Lock lock(mutex_);
    return waits_for_;
}

std::optional<HeldBack> StoreSide::held_back() {
    std::optional<HeldBack> held = held_up_;
    {
        const Lock lock(mutex_);
        held = both_held(held, work_.held_up);
    }
    return parts_.waiting ? both_held(held, parts_.waiting()) : held;
}

StoreSide::News StoreSide::take_news() {
    const Lock lock(mutex_);
    News taken{news_.paused, std::exchange(news_.prices, {})};
    return taken;
}

Result<> StoreSide::failed() {
    const Lock lock(mutex_);
    if (error_) return *error_;
    return {};
}

void StoreSide::take_work(Work& work) {
    const Lock lock(mutex_);
    if (std::exchange(work_.coverage_changed, false)) coverage_.has_changed();
    std::ranges::move(work_.questions, std::back_inserter(work.questions));
    work_.questions.clear();
    held_up_ = work_.held_up;
}

void StoreSide::loop() {
    const std::stop_token stop = stop_.get_token();
    const std::stop_callback wake_on_stop(stop, [this] { bell_.ring(); });
    Work work;
    for (;;) {
        const std::stop_token woken = bell_.listen();
        if (stop.stop_requested()) return;
        take_work(work);
        if (auto done = round(work); !done) {
            {
                const Lock lock(mutex_);
                error_ = done.error();
            }
            parts_.news();
            return;
        }
        parts_.clock.sleep_until(next_round(), woken);
    }
}

// A store that is away costs this round; what there was to do stays to be done.
Result<> StoreSide::round(Work& work) {
    const auto done = do_all(work);
    keep_house();
    const auto now = parts_.clock.steady();
    {
        const Lock lock(mutex_);
        waits_for_ = done ? "" : done.error().what;
    }
    if (done) {
        if (away_) parts_.log.emit(Recovered{"store", (now - *away_).count() / 1000});
        away_.reset();
        return {};
    }
    if (!retryable(done.error().kind)) return done;
    coverage_.has_changed();
    if (away_ || stop_.stop_requested()) return {};
    parts_.log.emit(Waiting{"store", done.error().what});
    away_ = now;
    return {};
}

Result<> StoreSide::do_all(Work& work) {
    if (auto done = parts_.journal.replay(store_); !done) return done;
    if (auto done = read_pauses(); !done) return done;
    if (auto done = answer(work.questions); !done) return done;
    return coverage_.settle();
}

Timestamp StoreSide::next_round() {
    const Timestamp now = parts_.clock.now();
    if (away_) return now + kBetweenAsks;
    Timestamp next = coverage_.look_again_at().value_or(Timestamp::max());
    const Lock lock(mutex_);
    if (next_slot_ && *next_slot_ - kBeforeTheSlot > now) {
        next = std::min(next, *next_slot_ - kBeforeTheSlot);
    }
    if (std::ranges::any_of(news_.paused, [](const auto& dag) { return dag.second; })) {
        next = std::min(next, now + kWhilePaused);
    }
    return next;
}

// Another process may pause a DAG; the table says so.
Result<> StoreSide::read_pauses() {
    auto states = runs_.dag_states();
    if (!states) return states.error();
    bool changed = false;
    {
        const Lock lock(mutex_);
        for (const DagStateRow& state : *states) {
            const auto known = news_.paused.find(state.dag);
            changed = changed || known == news_.paused.end() || known->second != state.paused;
            news_.paused[state.dag] = state.paused;
        }
    }
    if (changed) parts_.news();
    return {};
}

Result<> StoreSide::answer(std::vector<Question>& questions) {
    while (!questions.empty()) {
        const Question question = questions.back();
        auto found = priced(question.feed, question.slot);
        if (!found) return found.error();
        questions.pop_back();
        {
            const Lock lock(mutex_);
            news_.prices.push_back({question.dag, question.slot, *std::move(found)});
        }
        parts_.news();
    }
    return {};
}

// Pruning may take seconds, and a slot's coverage must not wait for it.
void StoreSide::keep_house() {
    const auto now = parts_.clock.steady();
    if (!parts_.housekeeping || (house_kept_ && now - *house_kept_ < kHouseKeeping)) return;
    if (house_busy_.exchange(true)) return;
    house_kept_ = now;
    house_ = std::jthread([this] {
        parts_.housekeeping();
        house_busy_ = false;
    });
}

Result<> StoreSide::finish() {
    stop_.request_stop();
    if (thread_.joinable()) thread_.join();
    Work rest;
    take_work(rest);
    if (auto done = failed(); !done) return done;
    PatientStore store(parts_.store, {.limit = kLastCalls});
    auto done = parts_.journal.replay(store);
    if (done) {
        LoaderOptions loading = orders_.loading;
        if (loading.give_up_after == 0) loading.give_up_after = kLastTries;
        done = load_to_the_end(store, std::move(loading), {});
    }
    if (done) done = coverage_.settle_last(store);
    if (done || !retryable(done.error().kind)) return done;
    parts_.log.emit(Waiting{"the next start", done.error().what});
    return {};
}

}  // namespace tapedeck
