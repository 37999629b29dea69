#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>

#include "coverage/coverage.h"

namespace tapedeck {

// What a reader asks about the coverage is asked here, once for all who show it: the stored states
// where they are the last word, derived ones where the table does not know it yet or has them as
// pending. Nothing is written, and no answer is held in memory as a whole.

using Span = SlotSpan;

// A state that leaves its slot without a price, though one was expected.
bool is_gap(CoverageState state);

// What the coverage of one feed adds up to, closed slots included.
struct CoverageTotal {
    CoverageSum sum;
    std::optional<Timestamp> last_slot;     // of those that are not closed
    std::optional<Timestamp> last_settled;  // of those that are not pending, either
    std::optional<Timestamp> last_price;    // the last slot with one
};
struct CoverageTotals {
    CoverageTotal all;
    CoverageTotal today;
};

// The same state and reason of one instrument in slots that follow one another.
struct GapRun {
    std::string feed;
    std::string instrument;
    Timestamp first;
    Timestamp last;
    std::int64_t slots = 0;
    Verdict verdict;  // of the first
};
using GapRunSink = std::function<Result<>(const GapRun&)>;

class CoverageView {
public:
    // `feeds` holds those of all expectations. `held_back`: what waited on this machine before tape
    // and store are looked at. All else borrowed.
    CoverageView(Store& store, Tape& tape, const std::map<std::string, Feed>& feeds,
                 std::span<const Expectation> expectations, Timestamp now,
                 std::optional<HeldBack> held_back = {})
        : store_(store),
          tape_(tape),
          feeds_(feeds),
          expectations_(expectations),
          now_(now),
          held_back_(std::move(held_back)) {}

    // Of one feed until now: all of it, and from `day` on. Counted by the store.
    Result<CoverageTotals> totals(const std::string& feed, Timestamp day);

    // Every state of one feed, or of one instrument of it, in order of slot and instrument.
    Result<> each(const std::string& feed, const std::string& instrument, Span span,
                  const CoverageSink& sink);
    // Those alone that are gaps: it costs as much as there are gaps, not as there are slots.
    Result<> each_gap(const std::string& feed, const std::string& instrument, Span span,
                      const CoverageSink& sink);
    // Gaps that follow one another as one, in the order in which they end.
    Result<> gap_runs(const std::string& feed, const std::string& instrument, Span span,
                      const GapRunSink& sink);

    // One slot of one instrument; none where nothing was expected or the calendar has it closed.
    Result<std::optional<CoverageRow>> one(const std::string& feed, Timestamp slot,
                                           const std::string& instrument);

    // Whether the schedule has an instant in the span, open or closed, for this instrument, or for
    // any where none is named.
    bool has_instant(const std::string& feed, const std::string& instrument, Span span) const;

private:
    // A part of a span, of which the table has the last word, or which is to be derived.
    struct Part {
        Span span;
        bool derived = false;
    };
    Result<std::vector<Part>> parts_of(const std::string& feed, Span span);
    std::optional<Timestamp> first_expected(const std::string& feed) const;
    Result<> stored_each(const std::string& feed, const std::string& instrument, Span span,
                         bool gaps, const CoverageSink& sink);
    Result<> derived_each(const std::string& feed, const std::string& instrument, Span span,
                          const CoverageSink& sink);
    Result<> select_each(const std::string& feed, const std::string& instrument, Span span,
                         bool gaps, const CoverageSink& sink);
    Result<> add_stored(const std::string& feed, Span span, CoverageTotal& total);
    void add_closed(const std::string& feed, Timestamp day, CoverageTotals& totals) const;
    std::vector<Timestamp> open_slots(const std::string& feed, Span span) const;

    Store& store_;
    Tape& tape_;
    const std::map<std::string, Feed>& feeds_;
    const std::span<const Expectation> expectations_;
    const Timestamp now_;
    const std::optional<HeldBack> held_back_;
};

}  // namespace tapedeck
