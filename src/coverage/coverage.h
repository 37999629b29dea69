#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "collect/feed.h"
#include "market/outcome.h"
#include "schedule/schedule.h"
#include "store/store.h"
#include "tape/tape.h"

namespace tapedeck {

// The one state in which every expected slot and instrument ends.
enum class CoverageState {
    recorded,     // the row exists
    recovered,    // the row exists, put there by a later fill
    closed,       // the exchange's calendar
    quarantined,  // read, and held for a person to look at
    failed,       // asked, and no price came: `reason` says why
    missed,       // nobody ran, or whoever ran left no account: `reason` says which
    withdrawn,    // left the list before it was asked
    pending,      // due, running, or sent and not yet loaded
    lost,         // the ledger is past its offset and there is no row: an alarm
};
std::string_view to_string(CoverageState state);
std::optional<CoverageState> coverage_state_named(std::string_view name);
std::span<const CoverageState> coverage_states();
// As the store has it; `corrupt` where it is none.
Result<CoverageState> stored_state(std::string_view name);

// What was expected of a feed in [from, to): made from the configuration's history. Or, without a
// DAG, slots that somebody tried though no schedule expected them: each is accounted for as well.
struct Expectation {
    std::string feed;
    std::string dag;
    Timestamp from;
    Timestamp to;
    std::shared_ptr<const Schedule> schedule;
    std::vector<std::string> instruments;
    // Until when they were on the list, where that is later than `to`: when the demo stands still
    // nothing is expected, and nothing leaves the list.
    std::optional<Timestamp> listed_until = std::nullopt;

    Timestamp listed_to() const { return std::max(to, listed_until.value_or(to)); }
};
std::vector<Expectation> of_feed(std::span<const Expectation> expectations,
                                 const std::string& feed);

// [from, to)
struct SlotSpan {
    Timestamp from;
    Timestamp to;
    friend bool operator==(const SlotSpan&, const SlotSpan&) = default;
};

// From when on a schedule expects anything of a feed; the end of all time where none ever does.
Timestamp first_expected(std::span<const Expectation> scheduled, const std::string& feed);

// The slots of a feed in a span that were tried while no schedule expected anything of it, by what
// the store has of their accounts; none where there are none. The slots right before and after the
// span are among them, so that each has the grace that it has among all.
Result<std::optional<Expectation>> tried_besides(Store& store, const std::string& feed,
                                                 std::span<const Expectation> scheduled,
                                                 SlotSpan span);

// `scheduled` (those with a DAG; others are replaced), and before them those of slots that were
// tried while no schedule expected anything of their feed, by what the store has of their accounts.
Result<std::vector<Expectation>> with_tried(Store& store, const std::map<std::string, Feed>& feeds,
                                            std::vector<Expectation> scheduled);

// An account of a run off the schedule has no slot: its `slot` is the moment at which it was made.
// In the words of SQL, of the table `outcomes`.
inline constexpr std::string_view kAnswersASlot = "run_id not like 'off-schedule/%'";
static_assert(kAnswersASlot.find(kOffSchedule) != std::string_view::npos);

// What is known of one slot and instrument.
struct InstrumentFacts {
    bool row = false;
    bool row_by_fill = false;
    std::optional<Outcome::Sent> sent;  // of the last try that sent it
    std::string reason;                 // of the last try that failed, in the ledger's words
    std::string what;
    bool dead_letter = false;  // at the offset where it was sent, and none that was retried
    bool letter_dropped = false;
    bool in_gap = false;  // the tape lost that offset before it was loaded

    bool is_tried() const { return sent.has_value() || !reason.empty(); }
};

struct SlotFacts {
    bool open = true;
    bool run_began = false;   // somebody ran, whatever became of it
    bool run_missed = false;  // whoever had to run it was there, and could not begin
    bool run_open = false;    // its run is waiting, running or to be retried
    // Where what came of it may be besides, on the tape or on this machine; empty: nowhere.
    std::string waits;
    Timestamp give_up;       // slot and grace
    std::string run_failed;  // what its last try could say of itself; mostly empty
    bool replaced = false;   // a recorder wrote into a file that was no longer the database's
};

// After its grace a run has so long to put its account on the tape.
inline constexpr std::chrono::seconds kLastAccount{30};

struct Verdict {
    CoverageState state;
    std::string reason;
    std::string what;
    friend bool operator==(const Verdict&, const Verdict&) = default;
};

// The state of one instrument of one slot: a function of the facts alone. `loaded` says how far
// the ledger is in the partition where it was sent; `still_listed` whether the instrument was on
// the list when the slot was given up.
Verdict derive(const SlotFacts& slot, const InstrumentFacts& instrument,
               const std::optional<Offset>& loaded, bool still_listed, Timestamp now);

// When a state that `derive` gives as pending at `now` may become another by time alone: none where
// only something else can end it, of which the loader tells.
std::optional<Timestamp> look_again_at(const SlotFacts& slot, Timestamp now);

// One line of the ledger.
struct CoverageRow {
    std::string feed;
    Timestamp slot;
    std::string instrument;
    Verdict verdict;
};

// Counts by state; their sum is what was expected.
struct CoverageSum {
    std::map<CoverageState, std::int64_t> states;
    std::int64_t expected = 0;
    void add(CoverageState state, std::int64_t count = 1) {
        states[state] += count;
        expected += count;
    }
    std::int64_t of(CoverageState state) const {
        const auto found = states.find(state);
        return found == states.end() ? 0 : found->second;
    }
};

// Something waits on this machine, in a spool or in the schedule's journal, of which tape and store
// know nothing: what is missing of a slot that could still be answered at `since` may be there.
struct HeldBack {
    Timestamp since;   // since when the oldest of it waits
    std::string what;  // where it waits, to be told
    friend bool operator==(const HeldBack&, const HeldBack&) = default;
};

// Takes rows one after the other, and may end them with an error.
using CoverageSink = std::function<Result<>(const CoverageRow&)>;

// What settling changed in the table.
struct Settled {
    std::int64_t changed = 0;     // rows
    std::set<std::string> feeds;  // of these rows
    // When to settle again though nothing has happened, by what is found pending.
    std::optional<Timestamp> next;
};

// Derives the coverage of feeds from the facts in store and tape, and keeps the table `coverage`.
// The table has a row for each open slot and instrument from its instant on; closed ones follow
// from the calendar and are not stored. Works in windows of some slots, so that neither long spans
// nor long lists of instruments are held in memory.
class CoverageLedger {
public:
    // `feeds` gives table and topic of each feed named in an expectation. All borrowed.
    CoverageLedger(Store& store, Tape& tape, const std::map<std::string, Feed>& feeds)
        : store_(store), tape_(tape), feeds_(feeds) {}

    // Asked before tape and store are looked at, whether anything waits elsewhere: what may be
    // there is not given up meanwhile.
    void hold_back_while(std::function<std::optional<HeldBack>()> waiting) {
        waiting_ = std::move(waiting);
    }

    // What is derived for the open slots of [from, to), in order of feed, slot and instrument, at
    // `now`: for what was expected, and for what was tried besides. With `closed`, it counts the
    // closed ones.
    Result<> derive_each(std::span<const Expectation> expectations, Timestamp from, Timestamp to,
                         Timestamp now, const CoverageSink& sink, std::int64_t* closed = nullptr);

    // Brings the table up to `now`: new slots, those still pending, those given up for which
    // something came late, from a spool or another loader, and those that were tried besides.
    Result<Settled> settle(std::span<const Expectation> expectations, Timestamp now);

    // The table's rows of [from, to), in order of slot and instrument.
    Result<> stored_each(const std::string& feed, Timestamp from, Timestamp to,
                         const CoverageSink& sink);
    Result<std::vector<CoverageRow>> stored(const std::string& feed, Timestamp from, Timestamp to);

    // The parts of [from, to) of which the table does not know the last word, in order: around the
    // slots that are pending, and what follows its last one. Slots less than a day apart are one
    // part, so that neither a slot that stays pending costs all that came after it, nor many slots
    // a look each.
    Result<std::vector<SlotSpan>> open_spans(const std::string& feed, Timestamp from, Timestamp to);

private:
    Result<std::vector<Timestamp>> came_late(const Feed& feed, Timestamp now);
    Result<bool> was_tried(const std::string& feed);
    Result<> tried_unsettled(const std::string& feed, Timestamp before,
                             std::vector<Timestamp>& slots);
    Result<> settle_span(std::span<const Expectation> scheduled, const std::string& feed,
                         SlotSpan span, Timestamp now, Settled& settled);
    Result<std::vector<Timestamp>> pending_slots(const std::string& feed, Timestamp from,
                                                 Timestamp to);
    Result<> settle_feed(std::span<const Expectation> scheduled, const std::string& feed,
                         Timestamp now, Settled& settled);
    Result<> save_changes(std::span<const CoverageRow> derived, std::span<const CoverageRow> known,
                          Timestamp now, Settled& settled);

    Store& store_;
    Tape& tape_;
    const std::map<std::string, Feed>& feeds_;
    std::function<std::optional<HeldBack>()> waiting_;
    std::map<std::string, std::int64_t, std::less<>> looked_;  // by feed: up to which outcome
    std::set<std::string, std::less<>> tried_;                 // feeds of which there are accounts
};

}  // namespace tapedeck
