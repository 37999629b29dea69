#pragma once

#include <set>
#include <unordered_map>

#include "coverage/coverage.h"
#include "store/run_table.h"
#include "store/tape_label.h"

namespace tapedeck {

// What store and tape know of the slots of one window: what `derive` is asked about.
struct WindowFacts {
    struct Run {
        bool open = false;    // waiting, running or to be retried
        bool missed = false;  // kRunMissed
        std::string failed;   // what its last failed try said of itself
    };
    std::map<Timestamp, std::unordered_map<std::string, InstrumentFacts>> slots;
    std::map<Timestamp, Run> runs;  // of one DAG
    // When a recorder wrote into a file that was no longer the database's; both ends included.
    std::vector<std::pair<Timestamp, Timestamp>> replaced;

    bool is_replaced(Timestamp slot) const;
    const InstrumentFacts& of(Timestamp slot, const std::string& instrument) const;
};

// Reads the facts of one feed, window after window. What is the same for all windows (the ledger,
// what the tape holds that is not loaded, gaps of the tape) is read once, and before them: what is
// loaded meanwhile can only make a row appear, never a loss.
class FactsReader {
public:
    // With `only`, of that instrument alone.
    FactsReader(Store& store, Tape& tape, const Feed& feed, std::string only = {})
        : store_(store), tape_(tape), feed_(feed), only_(std::move(only)) {}

    // What may be there is unknown to store and tape.
    void hold_back(const std::optional<HeldBack>& held) { held_ = held; }

    // Where what came of a slot may be, unknown to the store, that is given up then; empty:
    // nowhere.
    std::string waits(Timestamp give_up) const;

    Result<> read_positions();

    // The facts of [from, to), runs of `dag` included.
    Result<WindowFacts> read(const std::string& dag, Timestamp from, Timestamp to);

    // How far the ledger is where this was sent; of several readings the lowest counts, as it may
    // stand behind what it said where the store's server crashed in between.
    std::optional<Offset> loaded(const InstrumentFacts& facts) const;

private:
    struct Loaded {
        Offset next;
        std::optional<Timestamp> last;  // when the message before it was made
    };
    struct NotLoaded {  // messages on the tape
        TopicPartition at;
        std::optional<Timestamp> after;  // when the last one was made that is loaded
    };

    Result<> query(std::string sql, std::string_view instrument, std::string_view order,
                   std::vector<Value> values, const RowSink& sink);
    Result<> read_ledger();
    Result<> read_gaps();
    Result<> look_for_accounts();
    Result<> look_for_prices();
    Result<> cannot_ask(const Error& error);
    Result<std::vector<NotLoaded>> look_for_more(const std::string& topic);
    Result<> read_outcomes(Timestamp from, Timestamp to, WindowFacts& facts);
    Result<> read_dead_letters(Timestamp from, Timestamp to, WindowFacts& facts);
    Result<> read_rows(Timestamp from, Timestamp to, WindowFacts& facts);
    Result<> read_replacements(Timestamp from, Timestamp to, WindowFacts& facts);
    Result<> read_runs(const std::string& dag, Timestamp from, Timestamp to, WindowFacts& facts);

    Store& store_;
    Tape& tape_;
    const Feed& feed_;
    const std::string only_;
    std::optional<TapeLabel> label_;  // of the tape, once it was asked
    std::map<TopicPartition, Loaded> loaded_;
    std::vector<TapeGap> gaps_;
    std::string unknown_;  // why nobody can tell what the tape has of any slot
    std::vector<NotLoaded> prices_not_loaded_;
    std::optional<HeldBack> held_;
};

}  // namespace tapedeck
