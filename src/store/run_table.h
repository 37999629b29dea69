#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace tapedeck {

// Of a run that the schedule had to begin and could not: its first tries say why.
inline constexpr std::string_view kRunMissed = "missed";

// One run of a DAG, as the table dag_runs keeps it. States: running, success, failed, kRunMissed.
struct RunRow {
    std::string run_id;
    std::string dag;
    Timestamp slot;
    std::string kind;  // scheduled, manual, demo
    std::string state;
    Timestamp created_at;
    std::optional<Timestamp> ended_at;
};

// One try of a task. States: running, success, failed.
struct TryRow {
    std::string task;
    int number = 1;
    std::string state;
    Timestamp started_at;
    std::optional<Timestamp> ended_at;
    std::string what;
};

// What outlives the process about a DAG.
struct DagStateRow {
    std::string dag;
    bool paused = false;
    std::optional<Timestamp> handled_until;  // every instant up to it was started or given up
    std::optional<Timestamp> since;          // first seen: nothing before it was expected
};

// The tables dag_runs, task_tries and dag_states: the statements that change them, for whoever
// holds the lease to run in one transaction or to keep in the journal first, and what they say.
// Each statement may be run again by itself, and then changes nothing or is a `conflict`.
class RunTable {
public:
    // What it asks is waited for by `patience`.
    explicit RunTable(Store& store, Patience patience = {})
        : store_(store), patience_(std::move(patience)) {}

    // `conflict` where the DAG already has a scheduled run of that slot.
    static Statement run_begun(const RunRow& run, const std::string& config);
    static Statement run_ended(const std::string& run_id, const std::string& state, Timestamp at);
    static Statement try_begun(const std::string& run_id, const TryRow& attempt);
    static Statement try_ended(const std::string& run_id, const TryRow& attempt);
    // All but `paused`, which is whoever's who pauses; it counts where the DAG is new.
    static Statement dag_planned(const DagStateRow& row);
    // Since when a DAG's instants are its own; `paused` counts where it is new.
    static Statement dag_scheduled(const std::string& dag, bool paused, Timestamp since);
    // Another process may be recording: it reads this one column at its next plan.
    static Statement dag_paused(const std::string& dag, bool paused);
    // Nothing up to `at` is to be started any more, of no DAG.
    static Statement all_handled(Timestamp at);

    // Errors are the store's. Any thread.
    Result<std::vector<TryRow>> tries(const std::string& run_id);
    Result<std::vector<RunRow>> open_runs();
    Result<std::optional<DagStateRow>> dag_state(const std::string& dag);
    Result<std::vector<DagStateRow>> dag_states();
    // The last runs of a DAG, at most `count`, the latest slot first.
    Result<std::vector<RunRow>> last_runs(const std::string& dag, int count);

    // Of the runs of a DAG whose slots are in [from, to): each, and the words of each failed try
    // that has some, in the order of their beginning.
    Result<> each_run(const std::string& dag, Timestamp from, Timestamp to,
                      const std::function<void(Timestamp slot, std::string_view state)>& take);
    Result<> each_failed_try(
        const std::string& dag, Timestamp from, Timestamp to,
        const std::function<void(Timestamp slot, std::string_view what)>& take);
    // When the tries began and ended whose account is not in the store: they run, their process
    // died, or what they wrote still waits.
    Result<> each_try_without_account(
        const std::function<void(Timestamp began, std::optional<Timestamp> ended)>& take);

private:
    Result<std::vector<DagStateRow>> dag_states(const Statement& statement);
    Result<std::vector<RunRow>> runs(const Statement& statement);
    // Of each row a slot and a text.
    Result<> each_of_slots(const char* sql, std::vector<Value> values,
                           const std::function<void(Timestamp, std::string_view)>& take);

    Store& store_;
    const Patience patience_;
};

}  // namespace tapedeck
