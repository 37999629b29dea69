#include <fmt/format.h>

#include <algorithm>

#include "coverage/coverage.h"
#include "coverage/coverage_windows.h"

namespace tapedeck {
namespace {

constexpr std::chrono::hours kLookedBack{24 * 8};
constexpr std::int64_t kUnderWay = 1'000;  // outcomes
constexpr std::chrono::microseconds kInstant{1};
constexpr std::chrono::hours kOnePart{24};
// Of an outcome `o` of the feed $1: the table has no state for it, and later slots.
constexpr std::string_view kPassedOver =
    "o.slot <= (select max(slot) from coverage where feed = $1) and not exists (select 1 from "
    "coverage c where c.feed = o.feed and c.slot = o.slot and c.instrument = o.instrument)";

// Of slots in order.
std::vector<SlotSpan> spans_around(std::span<const Timestamp> slots) {
    std::vector<SlotSpan> spans;
    for (const Timestamp slot : slots) {
        if (spans.empty() || slot - spans.back().to >= kOnePart) spans.push_back({slot, slot});
        spans.back().to = slot + kInstant;
    }
    return spans;
}

std::set<std::string> feeds_of(std::span<const Expectation> expectations) {
    std::set<std::string> names;
    for (const Expectation& one : expectations) names.insert(one.feed);
    return names;
}

}  // namespace

Result<> CoverageLedger::derive_each(std::span<const Expectation> expectations, Timestamp from,
                                     Timestamp to, Timestamp now, const CoverageSink& sink,
                                     std::int64_t* closed) {
    for (const std::string& name : feeds_of(expectations)) {
        const auto feed = feeds_.find(name);
        TAPEDECK_ASSERT(feed != feeds_.end());
        auto done = derive_windows(
            store_, tape_, feed->second, expectations, from, to, now,
            [&](const DerivedWindow& window) -> Result<> {
                if (closed != nullptr) *closed += window.closed;
                for (const CoverageRow& row : window.rows) {
                    if (auto taken = sink(row); !taken) return taken;
                }
                return {};
            },
            {}, waiting_ ? waiting_() : std::nullopt);
        if (!done) return done;
    }
    return {};
}

Result<> CoverageLedger::stored_each(const std::string& feed, Timestamp from, Timestamp to,
                                     const CoverageSink& sink) {
    return store_.query({"select slot, instrument, state, reason, what from coverage where "
                         "feed = $1 and slot >= $2 and slot < $3 order by slot, instrument",
                         {feed, from, to},
                         {}},
                        [&](const RowView& row) -> Result<> {
                            const auto state = stored_state(row.text(2));
                            if (!state) return state.error();
                            return sink({feed,
                                         row.timestamp(0),
                                         std::string(row.text(1)),
                                         {*state, row.is_null(3) ? "" : std::string(row.text(3)),
                                          row.is_null(4) ? "" : std::string(row.text(4))}});
                        });
}

Result<std::vector<CoverageRow>> CoverageLedger::stored(const std::string& feed, Timestamp from,
                                                        Timestamp to) {
    std::vector<CoverageRow> rows;
    auto done = stored_each(feed, from, to, [&](const CoverageRow& row) -> Result<> {
        rows.push_back(row);
        return {};
    });
    if (!done) return done.error();
    return rows;
}

Result<std::vector<Timestamp>> CoverageLedger::pending_slots(const std::string& feed,
                                                             Timestamp from, Timestamp to) {
    std::vector<Timestamp> slots;
    auto done = store_.query({"select distinct slot from coverage where feed = $1 and state = "
                              "'pending' and slot >= $2 and slot < $3 order by slot",
                              {feed, from, to},
                              {}},
                             [&](const RowView& row) -> Result<> {
                                 slots.push_back(row.timestamp(0));
                                 return {};
                             });
    if (!done) return done.error();
    return slots;
}

Result<std::vector<SlotSpan>> CoverageLedger::open_spans(const std::string& feed, Timestamp from,
                                                         Timestamp to) {
    const auto pending = pending_slots(feed, from, to);
    if (!pending) return pending.error();
    Timestamp tail = from;
    auto done =
        store_.query({"select max(slot) from coverage where feed = $1 and slot >= $2 and slot < $3",
                      {feed, from, to},
                      {}},
                     [&](const RowView& row) -> Result<> {
                         if (!row.is_null(0)) tail = row.timestamp(0) + kInstant;
                         return {};
                     });
    if (!done) return done.error();
    std::vector<SlotSpan> spans = spans_around(*pending);
    if (tail >= to) return spans;
    if (!spans.empty() && tail - spans.back().to < kOnePart) {
        spans.back().to = to;
    } else {
        spans.push_back({tail, to});
    }
    return spans;
}

Result<> CoverageLedger::save_changes(std::span<const CoverageRow> derived,
                                      std::span<const CoverageRow> known, Timestamp now,
                                      Settled& settled) {
    std::map<std::pair<Timestamp, std::string_view>, const Verdict*> before;
    for (const CoverageRow& row : known) before[{row.slot, row.instrument}] = &row.verdict;
    std::vector<Statement> statements;
    for (const CoverageRow& row : derived) {
        const auto found = before.find({row.slot, row.instrument});
        if (found != before.end() && *found->second == row.verdict) continue;
        if (found != before.end()) {
            // Only if it is as it was: a retry of a dead letter may have opened it again.
            statements.push_back(
                {"update coverage set state = $4, reason = $5, what = $6, settled_at = $7 where "
                 "feed "
                 "= $1 and slot = $2 and instrument = $3 and state = $8 and coalesce(what, '') = "
                 "$9",
                 {row.feed, row.slot, row.instrument, std::string(to_string(row.verdict.state)),
                  row.verdict.reason, row.verdict.what, now,
                  std::string(to_string(found->second->state)), found->second->what},
                 {}});
            continue;
        }
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
    if (statements.empty()) return {};
    auto done = store_.transact(statements);
    if (!done) return done.error();
    settled.changed += static_cast<std::int64_t>(statements.size());
    settled.feeds.insert(derived.front().feed);
    return {};
}

// Of what was ever expected only what the span needs is looked at: a look costs no more with the
// number of configurations that there have been, nor with what was tried before there was one.
Result<> CoverageLedger::settle_span(std::span<const Expectation> scheduled,
                                     const std::string& feed, SlotSpan span, Timestamp now,
                                     Settled& settled) {
    const auto tried = tried_besides(store_, feed, scheduled, span);
    if (!tried) return tried.error();
    std::vector<const Expectation*> expected;
    if (*tried) expected.push_back(&**tried);
    for (const Expectation& one : scheduled) {
        if (one.feed == feed && !one.dag.empty()) expected.push_back(&one);
    }
    std::vector<CoverageRow> known;
    return derive_windows(
        store_, tape_, feeds_.at(feed), expected, span.from, span.to, now,
        [&](const DerivedWindow& window) -> Result<> {
            if (window.next) {
                settled.next = std::min(settled.next.value_or(*window.next), *window.next);
            }
            if (window.rows.empty()) return {};
            return save_changes(window.rows, known, now, settled);
        },
        {}, waiting_ ? waiting_() : std::nullopt,
        // Before the facts: what a retry of a dead letter opens again meanwhile stays open.
        [&](Timestamp from, Timestamp to) -> Result<> {
            auto before = stored(feed, from, to);
            if (!before) return before.error();
            known = *std::move(before);
            return {};
        });
}

// Whether anybody ever gave an account of the feed.
Result<bool> CoverageLedger::was_tried(const std::string& feed) {
    if (tried_.contains(feed)) return true;
    auto done = store_.query({"select 1 from outcomes where feed = $1 limit 1", {feed}, {}},
                             [&](const RowView&) -> Result<> {
                                 tried_.insert(feed);
                                 return {};
                             });
    if (!done) return done.error();
    return tried_.contains(feed);
}

// The slots that were tried while nothing was expected, and that the table has passed without them.
Result<> CoverageLedger::tried_unsettled(const std::string& feed, Timestamp before,
                                         std::vector<Timestamp>& slots) {
    return store_.query(
        {fmt::format("select distinct o.slot from outcomes o where o.feed = $1 and o.slot < $2 and "
                     "{} and {}",
                     kAnswersASlot, kPassedOver),
         {feed, before},
         {}},
        [&](const RowView& row) -> Result<> {
            slots.push_back(row.timestamp(0));
            return {};
        });
}

// The slots whose state was settled without a price, and for which an outcome came since, or that
// were tried and have none; at the first look, a row as well. Only outcomes that came since the
// last look are looked at, and of what was there before this process, the last days.
Result<std::vector<Timestamp>> CoverageLedger::came_late(const Feed& feed, Timestamp now) {
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
    // "+ 0" keeps PostgreSQL from looking for the first such id in the order of ids, from the
    // beginning of the history on.
    const auto from =
        first_look ? number("select min(id + 0) from outcomes where feed = $1 and slot >= $2",
                            {feed.name, since})
                   : Result<std::int64_t>(known->second);
    if (!from) return from.error();
    const auto last = number("select max(id) from outcomes", {});
    if (!last) return last.error();
    std::vector<Timestamp> slots;
    const RowSink note = [&](const RowView& row) -> Result<> {
        slots.push_back(row.timestamp(0));
        return {};
    };
    constexpr std::string_view kGivenUp =
        "c.feed = $1 and c.state in ('failed', 'missed', 'withdrawn', 'lost')";
    // An outcome makes no slot missed: where there is one, it came since, whatever the clock said.
    auto done = store_.query(
        {fmt::format(
             "select distinct c.slot from outcomes o join coverage c on c.feed = o.feed and "
             "c.slot = o.slot and c.instrument = o.instrument where o.id >= $2 and "
             "(o.recorded_at >= c.settled_at or c.state = 'missed') and {}",
             kGivenUp),
         {feed.name, *from},
         {}},
        note);
    if (!done) return done.error();
    done = store_.query({fmt::format("select distinct o.slot from outcomes o where o.feed = $1 and "
                                     "o.id >= $2 and {} and {}",
                                     kAnswersASlot, kPassedOver),
                         {feed.name, *from},
                         {}},
                        note);
    if (!done) return done.error();
    if (first_look) {
        done = store_.query(
            {fmt::format("select distinct c.slot from coverage c join {} r on r.slot = "
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
    return slots;
}

Result<> CoverageLedger::settle_feed(std::span<const Expectation> scheduled,
                                     const std::string& feed, Timestamp now, Settled& settled) {
    const auto open = open_spans(feed, Timestamp(), now);
    if (!open) return open.error();
    const bool first_look = !looked_.contains(feed);
    auto late = came_late(feeds_.at(feed), now);
    if (!late) return late.error();
    if (first_look) {
        auto done = tried_unsettled(feed, first_expected(scheduled, feed), *late);
        if (!done) return done;
    }
    std::ranges::sort(*late);
    std::vector<SlotSpan> spans = spans_around(*late);
    spans.insert(spans.end(), open->begin(), open->end());
    for (const SlotSpan& span : spans) {
        if (auto done = settle_span(scheduled, feed, span, now, settled); !done) return done;
    }
    return {};
}

Result<Settled> CoverageLedger::settle(std::span<const Expectation> expectations, Timestamp now) {
    Settled settled;
    const std::set<std::string> scheduled = feeds_of(expectations);
    for (const auto& [name, feed] : feeds_) {
        const auto tried = was_tried(name);
        if (!tried) return tried.error();
        if (!*tried && !scheduled.contains(name)) continue;
        if (auto done = settle_feed(expectations, name, now, settled); !done) return done.error();
    }
    return settled;
}

}  // namespace tapedeck
