#include "views/coverage_view.h"

#include <algorithm>

#include "coverage/coverage_windows.h"
#include "views/gap_runs.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

void note(CoverageTotal& total, CoverageState state, std::int64_t count, Timestamp last) {
    total.sum.add(state, count);
    const auto later = [&](std::optional<Timestamp>& known) {
        known = std::max(known.value_or(last), last);
    };
    later(total.last_slot);
    if (state != CoverageState::pending) later(total.last_settled);
    if (state == CoverageState::recorded || state == CoverageState::recovered) {
        later(total.last_price);
    }
}

}  // namespace

bool is_gap(CoverageState state) {
    switch (state) {
        case CoverageState::failed:
        case CoverageState::missed:
        case CoverageState::lost:
        case CoverageState::quarantined:
            return true;
        default:
            return false;
    }
}

std::optional<Timestamp> CoverageView::first_expected(const std::string& feed) const {
    std::optional<Timestamp> first;
    for (const Expectation& one : expectations_) {
        if (one.feed == feed) first = std::min(first.value_or(one.from), one.from);
    }
    return first;
}

Result<std::vector<CoverageView::Part>> CoverageView::parts_of(const std::string& feed, Span span) {
    std::vector<Part> parts;
    const auto first = first_expected(feed);
    if (!first) return parts;
    span.from = std::max(span.from, *first);
    if (span.from >= span.to) return parts;
    CoverageLedger ledger(store_, tape_, feeds_);
    const auto open = ledger.open_spans(feed, span.from, span.to);
    if (!open) return open.error();
    Timestamp from = span.from;
    for (const Span& one : *open) {
        if (from < one.from) parts.push_back({{from, one.from}, false});
        parts.push_back({one, true});
        from = one.to;
    }
    if (from < span.to) parts.push_back({{from, span.to}, false});
    return parts;
}

// Nearly all states are `recorded`: counting them by themselves takes half the time that sorting
// them into groups would, and one statement sees one moment.
Result<> CoverageView::add_stored(const std::string& feed, Span span, CoverageTotal& total) {
    return store_.query(
        {"select 'recorded', count(*), max(slot) from coverage where feed = $1 and slot >= $2 and "
         "slot < $3 and state = 'recorded' union all select state, count(*), max(slot) from "
         "coverage where feed = $1 and slot >= $2 and slot < $3 and state <> 'recorded' group by "
         "state",
         {feed, span.from, span.to},
         {}},
        [&](const RowView& row) -> Result<> {
            if (row.integer(1) == 0) return {};
            const auto state = stored_state(row.text(0));
            if (!state) return state.error();
            note(total, *state, row.integer(1), row.timestamp(2));
            return {};
        });
}

void CoverageView::add_closed(const std::string& feed, Timestamp day,
                              CoverageTotals& totals) const {
    std::int64_t all = 0;
    std::int64_t today = 0;
    for (const Expectation& one : expectations_) {
        if (one.feed != feed || one.schedule->calendar().is_always()) continue;
        const auto count = static_cast<std::int64_t>(one.instruments.size());
        one.schedule->for_each_instant(one.from, std::min(one.to, now_ + 1us),
                                       [&](Timestamp slot, bool open) {
                                           if (open) return;
                                           all += count;
                                           if (slot >= day) today += count;
                                       });
    }
    if (all > 0) totals.all.sum.add(CoverageState::closed, all);
    if (today > 0) totals.today.sum.add(CoverageState::closed, today);
}

Result<CoverageTotals> CoverageView::totals(const std::string& feed, Timestamp day) {
    CoverageTotals totals;
    const auto parts = parts_of(feed, {Timestamp(), now_ + 1us});
    if (!parts) return parts.error();
    for (const auto& [span, derived] : *parts) {
        Result<> done;
        if (derived) {
            done = derived_each(feed, {}, span, [&](const CoverageRow& row) -> Result<> {
                note(totals.all, row.verdict.state, 1, row.slot);
                if (row.slot >= day) note(totals.today, row.verdict.state, 1, row.slot);
                return {};
            });
        } else {
            done = add_stored(feed, span, totals.all);
            if (done && day < span.to) {
                done = add_stored(feed, {std::max(span.from, day), span.to}, totals.today);
            }
        }
        if (!done) return done.error();
    }
    add_closed(feed, day, totals);
    return totals;
}

Result<> CoverageView::stored_each(const std::string& feed, const std::string& instrument,
                                   Span span, bool gaps, const CoverageSink& sink) {
    // The very words of the index coverage_gaps, so that it is used.
    std::string sql =
        "select slot, instrument, state, reason, what from coverage where feed = $1 and slot >= $2 "
        "and slot < $3";
    std::vector<Value> values{feed, span.from, span.to};
    if (gaps) sql += " and state in ('failed', 'missed', 'lost', 'quarantined')";
    if (!instrument.empty()) {
        sql += " and instrument = $4";
        values.emplace_back(instrument);
    }
    sql += " order by slot, instrument";
    return store_.query({std::move(sql), std::move(values), {}},
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

Result<> CoverageView::derived_each(const std::string& feed, const std::string& instrument,
                                    Span span, const CoverageSink& sink) {
    return derive_windows(
        store_, tape_, feeds_.at(feed), expectations_, span.from, span.to, now_,
        [&](const DerivedWindow& window) -> Result<> {
            for (const CoverageRow& row : window.rows) {
                if (auto taken = sink(row); !taken) return taken;
            }
            return {};
        },
        instrument, held_back_);
}

Result<> CoverageView::select_each(const std::string& feed, const std::string& instrument,
                                   Span span, bool gaps, const CoverageSink& sink) {
    const auto parts = parts_of(feed, span);
    if (!parts) return parts.error();
    const CoverageSink gaps_only = [&](const CoverageRow& row) -> Result<> {
        return is_gap(row.verdict.state) ? sink(row) : Result<>();
    };
    for (const Part& part : *parts) {
        auto done = part.derived
                        ? derived_each(feed, instrument, part.span, gaps ? gaps_only : sink)
                        : stored_each(feed, instrument, part.span, gaps, sink);
        if (!done) return done;
    }
    return {};
}

Result<> CoverageView::each(const std::string& feed, const std::string& instrument, Span span,
                            const CoverageSink& sink) {
    return select_each(feed, instrument, span, false, sink);
}

Result<> CoverageView::each_gap(const std::string& feed, const std::string& instrument, Span span,
                                const CoverageSink& sink) {
    return select_each(feed, instrument, span, true, sink);
}

std::vector<Timestamp> CoverageView::open_slots(const std::string& feed, Span span) const {
    std::vector<Timestamp> slots;
    for (const Expectation& one : expectations_) {
        if (one.feed != feed) continue;
        one.schedule->for_each_instant(std::max(span.from, one.from),
                                       std::min({span.to, one.to, now_}),
                                       [&](Timestamp slot, bool open) {
                                           if (open) slots.push_back(slot);
                                       });
    }
    std::ranges::sort(slots);
    const auto twice = std::ranges::unique(slots);  // two DAGs may ask for the same
    slots.erase(twice.begin(), twice.end());
    return slots;
}

Result<> CoverageView::gap_runs(const std::string& feed, const std::string& instrument, Span span,
                                const GapRunSink& sink) {
    std::optional<GapRuns> runs;
    auto done = each_gap(feed, instrument, span, [&](const CoverageRow& row) -> Result<> {
        if (!runs) runs.emplace(open_slots(feed, {row.slot, span.to}), sink);
        return runs->add(row);
    });
    if (!done || !runs) return done;
    return runs->finish();
}

Result<std::optional<CoverageRow>> CoverageView::one(const std::string& feed, Timestamp slot,
                                                     const std::string& instrument) {
    std::optional<CoverageRow> found;
    auto done = each(feed, instrument, {slot, slot + 1us}, [&](const CoverageRow& row) -> Result<> {
        if (!found) found = row;
        return {};
    });
    if (!done) return done.error();
    return found;
}

bool CoverageView::has_instant(const std::string& feed, const std::string& instrument,
                               Span span) const {
    bool found = false;
    for (const Expectation& one : expectations_) {
        if (found || one.feed != feed) continue;
        if (!instrument.empty() && std::ranges::count(one.instruments, instrument) == 0) continue;
        one.schedule->for_each_instant(std::max(span.from, one.from),
                                       std::min({span.to, one.to, now_}), [&](Timestamp, bool) {
                                           found = true;
                                           return false;
                                       });
    }
    return found;
}

}  // namespace tapedeck
