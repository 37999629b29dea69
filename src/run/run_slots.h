#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "schedule/planner.h"
#include "store/run_table.h"

namespace tapedeck {

// One DAG as the store knows it when a process starts.
struct KnownDag {
    DagStateRow state;
    struct Run {
        RunRow row;
        std::vector<TryRow> tries;
    };
    std::vector<Run> open;  // scheduled runs that have not ended
};

// What keeps runs from beginning though the schedule is there.
struct Hindrance {
    std::optional<Timestamp> since;  // that nothing can be kept, and so nothing begun
    std::string what;                // why
    std::string store;               // what the store waits for; empty: for nothing
};

// What is decided at one moment, and the statements that keep it: first these are made durable,
// then `carried_out` takes the plan over, then its actions are done.
struct Decision {
    Plan plan;
    std::vector<Statement> statements;
};

// The DAGs and their runs between two plans: values and rules alone, no clock, no store, no thread.
// The schedule thread's.
class RunSlots {
public:
    // `config` is the digest of the configuration in force; the runs' ids carry the deployment's.
    RunSlots(std::vector<DagSpec> dags, std::string config, std::string deployment = {});

    // Begins with what the store knows; DAGs that it does not know are new `now`. `rejected` where
    // a schedule cannot be made.
    Result<> begin(std::span<const KnownDag> known, Timestamp now);

    // Slots that are missed because of a hindrance, or of a run that does not end, are kept as runs
    // that could not begin.
    Decision decide(Timestamp now, const Hindrance& hindrance = {}) const;
    void carried_out(const Decision& decision);

    // What has ended and is not in a decision yet: for the last moment.
    std::span<const Statement> unkept() const { return ended_; }

    // A try has ended; `sent` are the instruments whose prices are on the tape or in the spool.
    Result<> try_ended(const StartTask& task, bool succeeded, const std::string& what,
                       const std::set<std::string>& sent, Timestamp now);
    // Prices of a run that are known to be there.
    void have(const std::string& dag, Timestamp slot, std::set<std::string> instruments);
    // What a try is to ask for: its feed's instruments without those that have a price.
    std::vector<std::string> wanted(const StartTask& task,
                                    const std::vector<std::string>& instruments) const;

    void set_paused(const std::string& dag, bool paused);

    const DagSpec& spec(const std::string& dag) const;
    std::vector<std::string> feeds_of(const std::string& dag) const;
    const TaskSpec& task_of(const StartTask& task) const;
    // The first open instant of any DAG that is not paused.
    std::optional<Timestamp> next_slot(Timestamp now) const;

    // Of a run that an earlier process began, the one that it gave.
    std::string run_id(const std::string& dag, Timestamp slot) const;

private:
    struct Dag {
        DagSpec spec;
        Schedule schedule;
        DagState state;
    };
    std::string why_missed(const Dag& dag, Timestamp slot, const Hindrance& hindrance) const;
    Statement kept(const StartRun& run, Timestamp now) const;
    Statement kept(const StartTask& task, Timestamp now) const;
    Statement kept(const EndRun& run, Timestamp now) const;
    void keep_missed(const MarkMissed& missed, const Hindrance& hindrance, Timestamp now,
                     std::vector<Statement>& statements) const;

    std::vector<DagSpec> specs_;  // until begin
    const std::string config_;
    const std::string deployment_;
    std::map<std::pair<std::string, Timestamp>, std::string> begun_;  // ids given before
    std::vector<Dag> dags_;
    std::vector<Statement> ended_;  // of tries, kept with the next decision
    std::map<std::pair<std::string, Timestamp>, std::set<std::string>> have_;  // by run
    bool is_kept_ = false;  // the DAGs' states were written at least once
};

}  // namespace tapedeck
