#pragma once

#include <set>
#include <unordered_map>

#include "pipeline/coverage.h"

namespace tapedeck {

// What store and tape know of the slots of one window: what `derive` is asked about.
struct WindowFacts {
    struct Run {
        bool open = false;   // waiting, running or to be retried
        std::string failed;  // what its last failed try said of itself
    };
    std::map<Timestamp, std::unordered_map<std::string, InstrumentFacts>> slots;
    std::map<Timestamp, Run> runs;  // of one DAG
    // When a recorder wrote into a file that was no longer the database's; both ends included.
    std::vector<std::pair<Timestamp, Timestamp>> replaced;

    bool is_replaced(Timestamp slot) const;
    const InstrumentFacts& of(Timestamp slot, const std::string& instrument) const;
};

// Reads the facts of one feed, window after window. What is the same for all windows (the ledger,
// how far the accounts are, gaps of the tape) is read once, and before them: what is loaded
// meanwhile can only make a row appear, never a loss.
class FactsReader {
public:
    // With `only`, of that instrument alone.
    FactsReader(Store& store, Tape& tape, const Feed& feed, std::string only = {})
        : store_(store), tape_(tape), feed_(feed), only_(std::move(only)) {}

    // What may be there is unknown to store and tape.
    void hold_back(const std::optional<HeldBack>& held) { held_ = held; }

    // Where what came of a slot may wait that is given up then; empty: nowhere.
    std::string waits(Timestamp give_up) const;

    Result<> read_positions();

    // The facts of [from, to), runs of `dag` included.
    Result<WindowFacts> read(const std::string& dag, Timestamp from, Timestamp to);

    // Every outcome that was on the tape is in the store.
    bool accounts_complete() const { return accounts_complete_; }

    // How far the ledger is where this was sent; of several readings the lowest counts, as it may
    // stand behind what it said where the store's server crashed in between.
    std::optional<Offset> loaded(const InstrumentFacts& facts) const;

private:
    Result<> query(std::string sql, std::string_view instrument, std::string_view order,
                   std::vector<Value> values, const RowSink& sink);
    Result<> read_ledger();
    Result<> read_gaps();
    Result<> look_for_accounts();
    Result<> read_outcomes(Timestamp from, Timestamp to, WindowFacts& facts);
    Result<> read_dead_letters(Timestamp from, Timestamp to, WindowFacts& facts);
    Result<> read_rows(Timestamp from, Timestamp to, WindowFacts& facts);
    Result<> read_replacements(Timestamp from, Timestamp to, WindowFacts& facts);
    Result<> read_runs(const std::string& dag, Timestamp from, Timestamp to, WindowFacts& facts);

    Store& store_;
    Tape& tape_;
    const Feed& feed_;
    const std::string only_;
    std::map<TopicPartition, Offset> loaded_;
    std::vector<TapeGap> gaps_;
    bool accounts_complete_ = true;
    std::optional<HeldBack> held_;
};

}  // namespace tapedeck
