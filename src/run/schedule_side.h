#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/bell.h"
#include "run/run_slots.h"
#include "run/store_side.h"
#include "run/workers.h"

namespace tapedeck {

// The schedule of a recorder: starts each slot's run at its instant. The thread is the caller's,
// and touches memory and the journal only: what a plan decides is in the journal before it is
// carried out, and the store's side brings it home. So state survives kill -9 at any moment, and no
// trouble of the store's delays a slot.
class ScheduleSide {
public:
    struct Parts {
        Clock& clock;
        StatementJournal& journal;
        Log& log;
        StoreSide& store_side;
        Workers& workers;
        Bell& bell;  // rung by whoever has something for this thread
        // Asked before each plan; waits for nobody. An error ends the schedule.
        std::function<Result<>()> failed;
    };
    struct Orders {
        std::vector<DagSpec> dags;  // valid; those that collect name a feed of `feeds`
        std::map<std::string, Feed> feeds;
        std::string config;      // digest
        std::string deployment;  // its id
    };

    ScheduleSide(Parts parts, Orders orders);

    // What an earlier process left is brought home, and taken over.
    Result<> begin(const std::stop_token& stop);
    // Until `stop`, or an error that waiting cannot mend.
    Result<> keep(const std::stop_token& stop);
    // Once nobody works any more: what has ended is in the journal.
    Result<> end();

private:
    Result<Timestamp> step();  // one plan; when to make the next
    Result<> take_ended();
    Result<> take_ended(const Workers::Ended& ended);
    void take_news();
    Result<bool> keep_in_journal(const Decision& decision, Timestamp now);
    void held_up_by_journal(const Error& error, Timestamp now);
    void carry_out(const Action& action);
    void start_collecting(const StartTask& task);

    Parts parts_;
    const std::map<std::string, Feed> feeds_;
    const std::string config_;
    const std::string deployment_;
    RunSlots slots_;
    bool journal_told_ = false;  // that it cannot be written
    Hindrance hindrance_;        // by the journal, until a plan that misses no slot is kept
};

}  // namespace tapedeck
