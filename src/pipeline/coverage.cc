#include "pipeline/coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <set>

namespace tapedeck {
namespace {

struct StateName {
    CoverageState state;
    std::string_view name;
};
constexpr std::array kNames{
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

constexpr std::chrono::hours kLookedBack{24 * 8};
constexpr std::chrono::microseconds kMoment{1};
constexpr Timestamp kLastSlot = std::chrono::sys_days(std::chrono::year(10'000) / 1 / 1);

// An account of a run off the schedule has no slot: its `slot` is the moment at which it was made.
constexpr std::string_view kOfSlots = "run_id not like 'off-schedule/%'";
static_assert(kOfSlots.find(kOffSchedule) != std::string_view::npos);

constexpr std::int64_t kUnderWay = 1'000;  // outcomes

bool is_missing(const Error& error) { return error.kind == ErrorKind::rejected; }

std::string place_of(const Outcome::Sent& sent) {
    return fmt::format("{}[{}] offset {}", sent.topic, sent.partition.value(), sent.offset.value());
}

Result<CoverageState> state_of(std::string_view stored) {
    const auto state = coverage_state_named(stored);
    if (state) return *state;
    return Error{ErrorKind::corrupt, fmt::format("coverage holds the state '{}'", stored)};
}

}  // namespace

std::string_view to_string(CoverageState state) {
    return kNames[static_cast<std::size_t>(state)].name;
}

std::optional<CoverageState> coverage_state_named(std::string_view name) {
    const auto* found = std::ranges::find(kNames, name, &StateName::name);
    if (found == kNames.end()) return std::nullopt;
    return found->state;
}

std::span<const CoverageState> coverage_states() { return kStates; }

std::vector<Expectation> of_feed(std::span<const Expectation> expectations,
                                 const std::string& feed) {
    std::vector<Expectation> out;
    std::ranges::copy_if(expectations, std::back_inserter(out),
                         [&](const Expectation& one) { return one.feed == feed; });
    return out;
}

Result<std::vector<Expectation>> with_tried(Store& store, const std::map<std::string, Feed>& feeds,
                                            std::vector<Expectation> scheduled) {
    std::erase_if(scheduled, [](const Expectation& one) { return one.dag.empty(); });
    std::vector<Expectation> all;
    for (const auto& [name, feed] : feeds) {
        Timestamp first = Timestamp::max();
        for (const Expectation& one : scheduled) {
            if (one.feed == name) first = std::min(first, one.from);
        }
        std::vector<Timestamp> slots;
        auto done = store.query(
            {fmt::format("select distinct slot from outcomes where feed = $1 and slot < $2 and {} "
                         "order by slot",
                         kOfSlots),
             {name, std::min(first, kLastSlot)},
             {}},
            [&](const RowView& row) -> Result<> {
                slots.push_back(row.timestamp(0));
                return {};
            });
        if (!done) return done.error();
        if (slots.empty()) continue;
        Expectation tried{name, {}, slots.front(), slots.back() + kMoment, {}, {}, {}};
        done = store.query(
            {fmt::format("select distinct instrument from outcomes where feed = $1 and slot < $2 "
                         "and {} order by instrument",
                         kOfSlots),
             {name, tried.to},
             {}},
            [&](const RowView& row) -> Result<> {
                tried.instruments.emplace_back(row.text(0));
                return {};
            });
        if (!done) return done.error();
        tried.schedule = std::make_shared<const Schedule>(Schedule::of_instants(std::move(slots)));
        all.push_back(std::move(tried));
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
            return {CoverageState::failed, "malformed", "a dead letter: " + place};
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
    if (under_way || !slot.accounts_complete) return {CoverageState::pending, {}, {}};
    if (!instrument.reason.empty()) {
        return {CoverageState::failed, instrument.reason, instrument.what};
    }
    if (now < slot.give_up) return {CoverageState::pending, {}, {}};
    if (!still_listed) return {CoverageState::withdrawn, {}, "left the list before it was asked"};
    if (slot.replaced) {
        return {CoverageState::missed, "database_replaced",
                "the database was replaced under the recorder"};
    }
    return {CoverageState::missed, "nobody_ran", "no run asked for it"};
}

// Everything read from the store for one expectation and a span of slots.
struct CoverageLedger::Facts {
    using Key = std::pair<Timestamp, std::string>;
    std::map<Key, InstrumentFacts> instruments;
    std::set<Timestamp> open_runs;
    bool accounts_complete = true;
    std::map<TopicPartition, Offset> loaded;
    std::set<std::pair<TopicPartition, Offset>> dead;
    std::vector<TapeGap> gaps;
    std::vector<std::pair<Timestamp, Timestamp>> replaced;  // both ends included
};

Result<> CoverageLedger::read_rows(const Feed& feed, Timestamp from, Timestamp to, Facts& facts) {
    return store_.query(
        {fmt::format("select slot, instrument from {} where slot >= $1 and slot < $2",
                     feed.table.name),
         {from, to},
         {}},
        [&](const RowView& row) -> Result<> {
            facts.instruments[{row.timestamp(0), std::string(row.text(1))}].row = true;
            return {};
        });
}

Result<> CoverageLedger::read_outcomes(const Feed& feed, Timestamp from, Timestamp to,
                                       Facts& facts) {
    return store_.query(
        {fmt::format("select slot, instrument, state, reason, what, topic, partition, "
                     "message_offset, run_id, source, rule from outcomes where feed = $1 and slot "
                     ">= $2 and slot < $3 and {} order by id",
                     kOfSlots),
         {feed.name, from, to},
         {}},
        [&](const RowView& row) -> Result<> {
            auto& known = facts.instruments[{row.timestamp(0), std::string(row.text(1))}];
            if (row.text(2) != "sent") {
                const auto reason = reason_named(row.text(3));
                known.reason = reason ? std::string(row_of(*reason).ledger) : row.text(3);
                known.what = row.is_null(4) ? "" : row.text(4);
                return {};
            }
            known.sent = {
                std::string(row.text(5)), Partition(static_cast<std::int32_t>(row.integer(6))),
                Offset(row.integer(7)), std::string(row.text(9)), std::string(row.text(10))};
            known.row_by_fill = row.text(8).starts_with("fill");
            return {};
        });
}

// Of two readings the lower one counts.
Result<> CoverageLedger::read_ledger(Facts& facts) {
    return store_.query({"select topic, partition, next_offset from offsets", {}, {}},
                        [&](const RowView& row) -> Result<> {
                            const TopicPartition at{
                                std::string(row.text(0)),
                                Partition(static_cast<std::int32_t>(row.integer(1)))};
                            const Offset next(row.integer(2));
                            Offset& known = facts.loaded.try_emplace(at, next).first->second;
                            known = std::min(known, next);
                            return {};
                        });
}

Result<> CoverageLedger::read_positions(const Feed& feed, Facts& facts) {
    auto done = read_ledger(facts);
    if (!done) return done;
    done = store_.query(
        {"select topic, partition, message_offset from dead_letters where topic = $1",
         {feed.topic},
         {}},
        [&](const RowView& row) -> Result<> {
            facts.dead.insert(
                {{std::string(row.text(0)), Partition(static_cast<std::int32_t>(row.integer(1)))},
                 Offset(row.integer(2))});
            return {};
        });
    if (!done) return done;
    done = store_.query(
        {"select topic, partition, from_offset, to_offset from tape_gaps where topic = $1",
         {feed.topic},
         {}},
        [&](const RowView& row) -> Result<> {
            facts.gaps.push_back(
                {{std::string(row.text(0)), Partition(static_cast<std::int32_t>(row.integer(1)))},
                 Offset(row.integer(2)),
                 Offset(row.integer(3))});
            return {};
        });
    if (!done) return done;
    const auto partitions = tape_.partitions(std::string(kOutcomesTopic));
    if (!partitions) {
        // Nobody can tell now whether there are more: nothing is given up meanwhile.
        facts.accounts_complete = false;
        if (retryable(partitions.error().kind) || is_missing(partitions.error())) return {};
        return partitions.error();
    }
    for (const Partition partition : *partitions) {
        const TopicPartition at{std::string(kOutcomesTopic), partition};
        const auto extent = tape_.extent(at);
        if (!extent && retryable(extent.error().kind)) {
            facts.accounts_complete = false;
            return {};
        }
        if (!extent) return extent.error();
        const auto loaded = facts.loaded.find(at);
        const Offset reached = loaded == facts.loaded.end() ? Offset(0) : loaded->second;
        if (reached < extent->end) facts.accounts_complete = false;
    }
    return {};
}

Result<CoverageLedger::Facts> CoverageLedger::read_facts(const Expectation& expectation,
                                                         Timestamp from, Timestamp to) {
    const auto found = feeds_.find(expectation.feed);
    TAPEDECK_ASSERT(found != feeds_.end());
    const Feed& feed = found->second;
    Facts facts;
    // Positions first: what is loaded meanwhile can only make a row appear, never a loss. And again
    // last: where the store's server crashed in between, the ledger may stand behind what it said.
    if (auto done = read_positions(feed, facts); !done) return done.error();
    if (auto done = read_outcomes(feed, from, to, facts); !done) return done.error();
    if (auto done = read_rows(feed, from, to, facts); !done) return done.error();
    if (auto done = read_ledger(facts); !done) return done.error();
    auto done = store_.query({"select slot from dag_runs where dag = $1 and slot >= $2 and slot < "
                              "$3 and state in ('queued', 'running', 'up_for_retry')",
                              {expectation.dag, from, to},
                              {}},
                             [&](const RowView& row) -> Result<> {
                                 facts.open_runs.insert(row.timestamp(0));
                                 return {};
                             });
    if (!done) return done.error();
    done = store_.query(
        {"select since, noticed_at from replacements where noticed_at >= $1 and since < $2",
         {from, to},
         {}},
        [&](const RowView& row) -> Result<> {
            facts.replaced.emplace_back(row.timestamp(0), row.timestamp(1));
            return {};
        });
    if (!done) return done.error();
    for (auto& entry : facts.instruments) {
        InstrumentFacts& known = entry.second;
        if (!known.sent) continue;
        const TopicPartition at{known.sent->topic, known.sent->partition};
        known.dead_letter = facts.dead.contains({at, known.sent->offset});
        known.in_gap = std::ranges::any_of(facts.gaps, [&](const TapeGap& gap) {
            return gap.at == at && gap.from <= known.sent->offset && known.sent->offset < gap.to;
        });
    }
    return facts;
}

// What was expected comes first; then what was tried besides, whatever its slot was meant to be.
void CoverageLedger::derive_expected(const Expectation& expectation,
                                     std::span<const Expectation> all, const Facts& facts,
                                     Timestamp from, Timestamp to, Timestamp now,
                                     std::int64_t* closed, std::vector<CoverageRow>& rows) {
    static const InstrumentFacts kNothing;
    const auto listed_at = [&](const std::string& instrument, Timestamp at) {
        return std::ranges::any_of(all, [&](const Expectation& other) {
            return other.feed == expectation.feed && other.from <= at && at < other.listed_to() &&
                   std::ranges::count(other.instruments, instrument) > 0;
        });
    };
    const auto add = [&](Timestamp slot, const std::string& instrument,
                         const InstrumentFacts& facts_of) {
        SlotFacts of_slot;
        of_slot.run_open = facts.open_runs.contains(slot);
        of_slot.accounts_complete = facts.accounts_complete;
        of_slot.give_up = slot + expectation.schedule->grace_at(slot);
        of_slot.replaced = std::ranges::any_of(facts.replaced, [&](const auto& hole) {
            return hole.first <= slot && slot <= hole.second;
        });
        std::optional<Offset> loaded;
        if (facts_of.sent) {
            const auto at = facts.loaded.find({facts_of.sent->topic, facts_of.sent->partition});
            if (at != facts.loaded.end()) loaded = at->second;
        }
        const bool listed =
            facts_of.is_tried() || facts_of.row || listed_at(instrument, of_slot.give_up);
        rows.push_back(
            {expectation.feed, slot, instrument, derive(of_slot, facts_of, loaded, listed, now)});
    };
    std::set<Timestamp> closed_slots;
    expectation.schedule->for_each_instant(from, to, [&](Timestamp slot, bool open) {
        if (!open) {
            closed_slots.insert(slot);
            if (closed == nullptr) return;
            *closed += static_cast<std::int64_t>(expectation.instruments.size());
        }
        if (!open || expectation.dag.empty()) return;
        for (const std::string& instrument : expectation.instruments) {
            const auto known = facts.instruments.find({slot, instrument});
            add(slot, instrument, known == facts.instruments.end() ? kNothing : known->second);
        }
    });
    for (const auto& [key, known] : facts.instruments) {
        if (known.is_tried() && !closed_slots.contains(key.first)) {
            add(key.first, key.second, known);
        }
    }
}

Result<std::vector<CoverageRow>> CoverageLedger::derive_range(
    std::span<const Expectation> expectations, Timestamp from, Timestamp to, Timestamp now,
    std::int64_t* closed) {
    std::vector<CoverageRow> rows;
    for (const Expectation& expectation : expectations) {
        const Timestamp begin = std::max(from, expectation.from);
        const Timestamp end = std::min({to, expectation.to, now});
        if (begin >= end) continue;
        auto facts = read_facts(expectation, begin, end);
        if (!facts) return facts.error();
        derive_expected(expectation, expectations, *facts, begin, end, now, closed, rows);
    }
    const auto key = [](const CoverageRow& row) {
        return std::tie(row.feed, row.slot, row.instrument);
    };
    std::ranges::stable_sort(rows, {}, key);
    const auto twice = std::ranges::unique(rows, {}, key);
    rows.erase(twice.begin(), twice.end());
    return rows;
}

Result<std::vector<CoverageRow>> CoverageLedger::stored(const std::string& feed, Timestamp from,
                                                        Timestamp to) {
    std::vector<CoverageRow> rows;
    auto done =
        store_.query({"select slot, instrument, state, reason, what from coverage where "
                      "feed = $1 and slot >= $2 and slot < $3 order by slot, instrument",
                      {feed, from, to},
                      {}},
                     [&](const RowView& row) -> Result<> {
                         const auto state = state_of(row.text(2));
                         if (!state) return state.error();
                         rows.push_back({feed,
                                         row.timestamp(0),
                                         std::string(row.text(1)),
                                         {*state, row.is_null(3) ? "" : std::string(row.text(3)),
                                          row.is_null(4) ? "" : std::string(row.text(4))}});
                         return {};
                     });
    if (!done) return done.error();
    return rows;
}

Result<CoverageSpan> CoverageLedger::sum_stored(const std::string& feed, Timestamp from,
                                                Timestamp to) {
    CoverageSpan span;
    auto done = store_.query(
        {"select state, count(*), max(slot) from coverage where feed = $1 and slot >= $2 and "
         "slot < $3 group by state",
         {feed, from, to},
         {}},
        [&](const RowView& row) -> Result<> {
            const auto state = state_of(row.text(0));
            if (!state) return state.error();
            span.sum.add(*state, row.integer(1));
            span.last_slot = std::max(span.last_slot, std::optional(row.timestamp(2)));
            return {};
        });
    if (!done) return done.error();
    return span;
}

Result<Timestamp> CoverageLedger::open_from(const std::string& feed, Timestamp from, Timestamp to) {
    std::optional<Timestamp> found;
    const RowSink note = [&](const RowView& row) -> Result<> {
        if (!row.is_null(0)) found = row.timestamp(0);
        return {};
    };
    auto done = store_.query({"select min(slot) from coverage where feed = $1 and state = 'pending'"
                              " and slot >= $2 and slot < $3",
                              {feed, from, to},
                              {}},
                             note);
    if (!done) return done.error();
    if (found) return *found;
    done =
        store_.query({"select max(slot) from coverage where feed = $1 and slot >= $2 and slot < $3",
                      {feed, from, to},
                      {}},
                     note);
    if (!done) return done.error();
    return found ? *found + std::chrono::microseconds(1) : from;
}

Result<std::vector<CoverageRow>> CoverageLedger::save_changes(
    const std::vector<CoverageRow>& derived, const std::vector<CoverageRow>& known, Timestamp now) {
    std::map<std::tuple<std::string_view, Timestamp, std::string_view>, const Verdict*> before;
    for (const CoverageRow& row : known) {
        before[{row.feed, row.slot, row.instrument}] = &row.verdict;
    }
    std::vector<CoverageRow> changed;
    std::vector<Statement> statements;
    for (const CoverageRow& row : derived) {
        const auto found = before.find({row.feed, row.slot, row.instrument});
        if (found != before.end() && *found->second == row.verdict) continue;
        changed.push_back(row);
        statements.push_back(
            {"insert into coverage (feed, slot, instrument, state, reason, what, settled_at) "
             "values "
             "($1, $2, $3, $4, $5, $6, $7) on conflict (feed, slot, instrument) do update set "
             "state = excluded.state, reason = excluded.reason, what = excluded.what, settled_at = "
             "excluded.settled_at",
             {row.feed, row.slot, row.instrument, std::string(to_string(row.verdict.state)),
              row.verdict.reason, row.verdict.what, now},
             {}});
    }
    if (statements.empty()) return changed;
    auto done = store_.transact(statements);
    if (!done) return done.error();
    return changed;
}

Result<std::vector<CoverageRow>> CoverageLedger::settle_range(
    std::span<const Expectation> expectations, const std::string& feed, Timestamp from,
    Timestamp to, Timestamp now) {
    auto derived = derive_range(of_feed(expectations, feed), from, to, now);
    if (!derived) return derived.error();
    auto known = stored(feed, from, to);
    if (!known) return known.error();
    return save_changes(*derived, *known, now);
}

// The first slot whose state was settled without a price, and for which an outcome came since, or
// that was tried and has no state; at the first look, a row as well. Only outcomes that came since
// the last look are looked at, and of what was there before this process, the last days.
Result<std::optional<Timestamp>> CoverageLedger::came_late(const Feed& feed, Timestamp now) {
    const auto known = looked_.find(feed.name);
    const bool first_look = known == looked_.end();
    const auto number = [&](const std::string& sql, std::vector<Value> values) {
        std::int64_t found = 0;
        auto done = store_.query({sql, std::move(values), {}}, [&](const RowView& row) -> Result<> {
            if (!row.is_null(0)) found = row.integer(0);
            return {};
        });
        return done ? Result<std::int64_t>(found) : Result<std::int64_t>(done.error());
    };
    const Timestamp since = now - kLookedBack;
    const auto from = first_look
                          ? number("select min(id) from outcomes where feed = $1 and slot >= $2",
                                   {feed.name, since})
                          : Result<std::int64_t>(known->second);
    if (!from) return from.error();
    const auto last = number("select max(id) from outcomes", {});
    if (!last) return last.error();
    std::optional<Timestamp> first;
    const RowSink note = [&](const RowView& row) -> Result<> {
        if (row.is_null(0)) return {};
        first = std::min(first.value_or(row.timestamp(0)), row.timestamp(0));
        return {};
    };
    constexpr std::string_view kGivenUp =
        "c.feed = $1 and c.state in ('failed', 'missed', 'withdrawn', 'lost')";
    auto done = store_.query(
        {fmt::format("select min(c.slot) from outcomes o join coverage c on c.feed = o.feed and "
                     "c.slot = o.slot and c.instrument = o.instrument where o.id >= $2 and "
                     "o.recorded_at > c.settled_at and {}",
                     kGivenUp),
         {feed.name, *from},
         {}},
        note);
    if (!done) return done.error();
    if (done) {
        done = store_.query(
            {fmt::format("select min(o.slot) from outcomes o where o.feed = $1 and o.id >= $2 and "
                         "{} and not exists (select 1 from coverage c where c.feed = o.feed and "
                         "c.slot = o.slot and c.instrument = o.instrument)",
                         kOfSlots),
             {feed.name, *from},
             {}},
            note);
    }
    if (!done) return done.error();
    if (first_look) {
        done =
            store_.query({fmt::format("select min(c.slot) from coverage c join {} r on r.slot = "
                                      "c.slot and r.instrument = c.instrument where c.slot >= $2 "
                                      "and {}",
                                      feed.table.name, kGivenUp),
                          {feed.name, since},
                          {}},
                         note);
        if (!done) return done.error();
    }
    // Several loaders commit out of order of the ids that they were given.
    looked_[feed.name] = std::max<std::int64_t>(0, *last - kUnderWay);
    return first;
}

// The first slot that was tried while nothing was expected, and that the table does not have.
Result<std::optional<Timestamp>> CoverageLedger::tried_unsettled(const Expectation& tried) {
    std::optional<Timestamp> first;
    auto done = store_.query(
        {fmt::format("select min(o.slot) from outcomes o where o.feed = $1 and o.slot < $2 and {} "
                     "and not exists (select 1 from coverage c where c.feed = o.feed and c.slot = "
                     "o.slot and c.instrument = o.instrument)",
                     kOfSlots),
         {tried.feed, tried.to},
         {}},
        [&](const RowView& row) -> Result<> {
            if (!row.is_null(0)) first = row.timestamp(0);
            return {};
        });
    if (!done) return done.error();
    return first;
}

Result<std::vector<CoverageRow>> CoverageLedger::settle(std::span<const Expectation> scheduled,
                                                        Timestamp now) {
    std::vector<CoverageRow> changed;
    std::set<std::string> names;
    const auto all = with_tried(store_, feeds_, {scheduled.begin(), scheduled.end()});
    if (!all) return all.error();
    const std::vector<Expectation>& expectations = *all;
    std::map<std::string, Timestamp> unsettled;
    for (const Expectation& expectation : expectations) {
        names.insert(expectation.feed);
        if (!expectation.dag.empty() || looked_.contains(expectation.feed)) continue;
        const auto first = tried_unsettled(expectation);
        if (!first) return first.error();
        if (*first) unsettled[expectation.feed] = **first;
    }
    for (const std::string& feed : names) {
        const auto open = open_from(feed, Timestamp(), now);
        if (!open) return open.error();
        const auto late = came_late(feeds_.at(feed), now);
        if (!late) return late.error();
        Timestamp begin = std::min(*open, late->value_or(*open));
        if (const auto tried = unsettled.find(feed); tried != unsettled.end()) {
            begin = std::min(begin, tried->second);
        }
        auto rows = settle_range(expectations, feed, begin, now, now);
        if (!rows) return rows.error();
        std::ranges::move(*rows, std::back_inserter(changed));
    }
    return changed;
}

}  // namespace tapedeck
