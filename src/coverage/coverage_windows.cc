#include "coverage/coverage_windows.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "coverage/coverage_facts.h"

namespace tapedeck {
namespace {

constexpr std::int64_t kStatesAtOnce = 20'000;
constexpr std::chrono::microseconds kBeforeSlot{1};

using Ones = std::vector<const Expectation*>;

// Who was on the list of a feed at a moment. The lists become sets only where a slot's grace ends
// in another configuration than it began in: once a change, not once a slot.
class Lists {
public:
    explicit Lists(const Ones& ones) : ones_(ones) {}

    bool has(const Expectation& of, const std::string& instrument, Timestamp at) {
        if (of.from <= at && at < of.listed_to()) return true;
        return std::ranges::any_of(ones_, [&](const Expectation* other) {
            return other->from <= at && at < other->listed_to() &&
                   set_of(*other).contains(instrument);
        });
    }

    bool names(const Expectation& one, const std::string& instrument) {
        return set_of(one).contains(instrument);
    }

private:
    const std::unordered_set<std::string_view>& set_of(const Expectation& one) {
        const auto [place, made] = sets_.try_emplace(&one);
        if (made) place->second.insert(one.instruments.begin(), one.instruments.end());
        return place->second;
    }

    const Ones& ones_;
    std::map<const Expectation*, std::unordered_set<std::string_view>> sets_;
};

// The end of the window that begins at `from`: behind the slot that fills it.
Timestamp window_end(const Ones& ones, Timestamp from, Timestamp to) {
    Timestamp end = to;
    for (const Expectation* one : ones) {
        const Timestamp begin = std::max(from, one->from);
        if (begin >= end) continue;
        std::int64_t states = 0;
        one->schedule->for_each_instant(begin, std::min(end, one->to), [&](Timestamp slot, bool) {
            states += static_cast<std::int64_t>(one->instruments.size()) + 1;
            if (states < kStatesAtOnce) return true;
            end = std::min(end, slot + std::chrono::microseconds(1));
            return false;
        });
    }
    return end;
}

SlotFacts facts_of(const Expectation& one, const WindowFacts& facts, const FactsReader& reader,
                   Timestamp slot) {
    SlotFacts of_slot;
    of_slot.give_up = slot + one.schedule->grace_at(slot);
    of_slot.waits = reader.waits(of_slot.give_up);
    if (const auto run = facts.runs.find(slot); run != facts.runs.end()) {
        of_slot.run_began = true;
        of_slot.run_open = run->second.open;
        of_slot.run_missed = run->second.missed;
        of_slot.run_failed = run->second.failed;
    }
    of_slot.replaced = facts.is_replaced(slot);
    return of_slot;
}

// What was expected comes first; then what was tried besides, whatever its slot was meant to be.
void derive_one(const Expectation& one, const WindowFacts& facts, const FactsReader& reader,
                Lists& lists, const std::string& only, Timestamp now, DerivedWindow& window) {
    const auto count =
        only.empty() ? std::ssize(one.instruments) : std::ranges::count(one.instruments, only);
    const Timestamp begin = std::max(window.from, one.from);
    const Timestamp end = std::min(window.to, one.to);
    const auto add = [&](const SlotFacts& of_slot, Timestamp slot, const std::string& instrument,
                         const InstrumentFacts& known, bool listed) {
        window.rows.push_back({one.feed, slot, instrument,
                               derive(of_slot, known, reader.loaded(known), listed, now)});
        if (window.rows.back().verdict.state != CoverageState::pending) return;
        const auto until = look_again_at(of_slot, now);
        if (until) window.next = std::min(window.next.value_or(*until), *until);
    };
    std::set<Timestamp> closed;
    one.schedule->for_each_instant(begin, end, [&](Timestamp slot, bool open) {
        if (!open) {
            window.closed += count;
            closed.insert(slot);
        }
        if (!open || one.dag.empty()) return;
        const SlotFacts of_slot = facts_of(one, facts, reader, slot);
        for (const std::string& instrument : one.instruments) {
            if (!only.empty() && instrument != only) continue;
            const InstrumentFacts& known = facts.of(slot, instrument);
            add(of_slot, slot, instrument, known, lists.has(one, instrument, of_slot.give_up));
        }
    });
    for (const auto& [slot, instruments] : facts.slots) {
        if (closed.contains(slot)) continue;
        const bool expected = !one.dag.empty() && one.schedule->next(slot - kBeforeSlot) == slot;
        std::optional<SlotFacts> of_slot;
        for (const auto& [instrument, known] : instruments) {
            if (!known.is_tried() || (expected && lists.names(one, instrument))) continue;
            if (!of_slot) of_slot = facts_of(one, facts, reader, slot);
            add(*of_slot, slot, instrument, known, true);
        }
    }
}

}  // namespace

Result<> derive_windows(Store& store, Tape& tape, const Feed& feed,
                        std::span<const Expectation> expectations, Timestamp from, Timestamp to,
                        Timestamp now, const WindowSink& sink, const std::string& only,
                        const std::optional<HeldBack>& held_back) {
    Ones all;
    for (const Expectation& one : expectations) all.push_back(&one);
    return derive_windows(store, tape, feed, std::span<const Expectation* const>(all), from, to,
                          now, sink, only, held_back, {});
}

Result<> derive_windows(Store& store, Tape& tape, const Feed& feed,
                        std::span<const Expectation* const> expectations, Timestamp from,
                        Timestamp to, Timestamp now, const WindowSink& sink,
                        const std::string& only, const std::optional<HeldBack>& held_back,
                        const BeforeWindow& before) {
    Ones ones;
    for (const Expectation* one : expectations) {
        if (one->feed == feed.name) ones.push_back(one);
    }
    const auto first = std::ranges::min_element(ones, {}, &Expectation::from);
    if (first == ones.end()) return {};
    from = std::max(from, (*first)->from);
    to = std::min(to, now);
    if (from >= to) return {};
    Lists lists(ones);
    FactsReader reader(store, tape, feed, only);
    reader.hold_back(held_back);
    if (auto done = reader.read_positions(); !done) return done;
    while (from < to) {
        DerivedWindow window{from, window_end(ones, from, to), {}, 0, {}};
        if (before) {
            if (auto ready = before(window.from, window.to); !ready) return ready;
        }
        for (const Expectation* one : ones) {
            const Timestamp begin = std::max(window.from, one->from);
            const Timestamp end = std::min(window.to, one->to);
            if (begin >= end) continue;
            auto facts = reader.read(one->dag, begin, end);
            if (!facts) return facts.error();
            derive_one(*one, *facts, reader, lists, only, now, window);
        }
        const auto key = [](const CoverageRow& row) { return std::tie(row.slot, row.instrument); };
        std::ranges::stable_sort(window.rows, {}, key);
        // What was tried besides one expectation may be what another one expects.
        const auto twice = std::ranges::unique(window.rows, {}, key);
        window.rows.erase(twice.begin(), twice.end());
        if (auto taken = sink(window); !taken) return taken;
        from = window.to;
    }
    return {};
}

}  // namespace tapedeck
