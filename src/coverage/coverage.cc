#include "coverage/coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace tapedeck {
namespace {

struct StateName {
    CoverageState state;
    std::string_view name;
};
constexpr std::array kStateNames{
    StateName{CoverageState::recorded, "recorded"},
    StateName{CoverageState::recovered, "recovered"},
    StateName{CoverageState::closed, "closed"},
    StateName{CoverageState::quarantined, "quarantined"},
    StateName{CoverageState::failed, "failed"},
    StateName{CoverageState::missed, "missed"},
    StateName{CoverageState::withdrawn, "withdrawn"},
    StateName{CoverageState::pending, "pending"},
    StateName{CoverageState::lost, "lost"},
};
constexpr std::array kStates{
    CoverageState::recorded,    CoverageState::recovered, CoverageState::closed,
    CoverageState::quarantined, CoverageState::failed,    CoverageState::missed,
    CoverageState::withdrawn,   CoverageState::pending,   CoverageState::lost,
};

constexpr std::chrono::seconds kAskedAgain{5};
// No slot is before or after these, and both databases have them.
constexpr Timestamp kFirstSlot = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
constexpr Timestamp kLastSlot = std::chrono::sys_days(std::chrono::year(10'000) / 1 / 1);

std::string place_of(const Outcome::Sent& sent) {
    return fmt::format("{}[{}] offset {}", sent.topic, sent.partition.value(), sent.offset.value());
}

}  // namespace

std::string_view to_string(CoverageState state) {
    return kStateNames[static_cast<std::size_t>(state)].name;
}

std::optional<CoverageState> coverage_state_named(std::string_view name) {
    const auto* found = std::ranges::find(kStateNames, name, &StateName::name);
    if (found == kStateNames.end()) return std::nullopt;
    return found->state;
}

std::span<const CoverageState> coverage_states() { return kStates; }

Result<CoverageState> stored_state(std::string_view name) {
    const auto state = coverage_state_named(name);
    if (state) return *state;
    return Error{ErrorKind::corrupt, fmt::format("coverage holds the state '{}'", name)};
}

std::vector<Expectation> of_feed(std::span<const Expectation> expectations,
                                 const std::string& feed) {
    std::vector<Expectation> out;
    std::ranges::copy_if(expectations, std::back_inserter(out),
                         [&](const Expectation& one) { return one.feed == feed; });
    return out;
}

Timestamp first_expected(std::span<const Expectation> scheduled, const std::string& feed) {
    Timestamp first = kLastSlot;
    for (const Expectation& one : scheduled) {
        if (one.feed == feed && !one.dag.empty()) first = std::min(first, one.from);
    }
    return first;
}

Result<std::optional<Expectation>> tried_besides(Store& store, const std::string& feed,
                                                 std::span<const Expectation> scheduled,
                                                 SlotSpan span) {
    const Timestamp before = first_expected(scheduled, feed);
    if (span.from >= before) return std::optional<Expectation>();
    std::vector<Timestamp> slots;
    auto done = store.query(
        {fmt::format("select distinct slot from outcomes where feed = $1 and slot < $2 and {0} and "
                     "slot >= coalesce((select max(slot) from outcomes where feed = $1 and slot < "
                     "$3 and {0}), $3) and slot <= coalesce((select min(slot) from outcomes where "
                     "feed = $1 and slot < $2 and slot >= $4 and {0}), $4) order by slot",
                     kAnswersASlot),
         {feed, before, span.from, std::min(span.to, before)},
         {}},
        [&](const RowView& row) -> Result<> {
            slots.push_back(row.timestamp(0));
            return {};
        });
    if (!done) return done.error();
    const bool any = std::ranges::any_of(
        slots, [&](Timestamp slot) { return slot >= span.from && slot < span.to; });
    if (!any) return std::optional<Expectation>();
    Expectation tried{feed, {}, slots.front(), slots.back() + std::chrono::microseconds(1), {},
                      {},   {}};
    done = store.query({fmt::format("select distinct instrument from outcomes where feed = $1 and "
                                    "slot >= $2 and slot < $3 and {} order by instrument",
                                    kAnswersASlot),
                        {feed, tried.from, tried.to},
                        {}},
                       [&](const RowView& row) -> Result<> {
                           tried.instruments.emplace_back(row.text(0));
                           return {};
                       });
    if (!done) return done.error();
    tried.schedule = std::make_shared<const Schedule>(Schedule::of_instants(std::move(slots)));
    return std::optional(std::move(tried));
}

Result<std::vector<Expectation>> with_tried(Store& store, const std::map<std::string, Feed>& feeds,
                                            std::vector<Expectation> scheduled) {
    std::erase_if(scheduled, [](const Expectation& one) { return one.dag.empty(); });
    std::vector<Expectation> all;
    for (const auto& [name, feed] : feeds) {
        auto tried = tried_besides(store, name, scheduled, {kFirstSlot, kLastSlot});
        if (!tried) return tried.error();
        if (*tried) all.push_back(**std::move(tried));
    }
    std::ranges::move(scheduled, std::back_inserter(all));
    return all;
}

Verdict derive(const SlotFacts& slot, const InstrumentFacts& instrument,
               const std::optional<Offset>& loaded, bool still_listed, Timestamp now) {
    if (instrument.row) {
        return {
            instrument.row_by_fill ? CoverageState::recovered : CoverageState::recorded, {}, {}};
    }
    if (!slot.open) return {CoverageState::closed, {}, {}};
    if (instrument.sent) {
        const std::string place = place_of(*instrument.sent);
        if (instrument.dead_letter) {
            return {CoverageState::failed, "malformed",
                    (instrument.letter_dropped ? "a dead letter that was dropped: "
                                               : "a dead letter: ") +
                        place};
        }
        if (instrument.in_gap) {
            return {CoverageState::lost, "tape_gap",
                    place + " was gone from the tape before it was loaded"};
        }
        if (loaded && *loaded > instrument.sent->offset) {
            return {CoverageState::lost, "no_row", "the ledger is past " + place};
        }
        return {CoverageState::pending, {}, "sent to " + place + ", not yet loaded"};
    }
    // Past the grace no try can bring a price: a run that is open still was left so by a process
    // that is no more.
    const bool under_way = slot.run_open && now < slot.give_up + kLastAccount;
    if (under_way) return {CoverageState::pending, {}, {}};
    if (!slot.waits.empty()) {
        return {CoverageState::pending, {}, now < slot.give_up ? std::string() : slot.waits};
    }
    if (!instrument.reason.empty()) {
        return {CoverageState::failed, instrument.reason, instrument.what};
    }
    if (now < slot.give_up) return {CoverageState::pending, {}, {}};
    if (!still_listed) return {CoverageState::withdrawn, {}, "left the list before it was asked"};
    if (slot.replaced) {
        return {CoverageState::missed, "database_replaced",
                "the database was replaced under the recorder"};
    }
    if (!slot.run_began) return {CoverageState::missed, "nobody_ran", "no run asked for it"};
    if (slot.run_missed) return {CoverageState::missed, "held_up", slot.run_failed};
    if (!slot.run_failed.empty()) return {CoverageState::missed, "no_account", slot.run_failed};
    return {CoverageState::missed, "interrupted", "its run began and left no account"};
}

std::optional<Timestamp> look_again_at(const SlotFacts& slot, Timestamp now) {
    if (now < slot.give_up && !slot.run_open) return slot.give_up;
    if (slot.run_open && now < slot.give_up + kLastAccount) return slot.give_up + kLastAccount;
    // The tape may have been away, and nobody is told when it is back.
    if (!slot.waits.empty()) return now + kAskedAgain;
    return std::nullopt;
}

}  // namespace tapedeck
