#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace tapedeck {

// One run of a DAG, as the table dag_runs keeps it. States: running, success, failed, missed.
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
    explicit RunTable(Store& store) : store_(store) {}

    // `conflict` where the DAG already has a scheduled run of that slot.
    static Statement run_begun(const RunRow& run, const std::string& config);
    static Statement run_ended(const std::string& run_id, const std::string& state, Timestamp at);
    static Statement try_begun(const std::string& run_id, const TryRow& attempt);
    static Statement try_ended(const std::string& run_id, const TryRow& attempt);
    // All but `paused`, which is whoever's who pauses; it counts where the DAG is new.
    static Statement dag_planned(const DagStateRow& row);

    // Errors are the store's. Any thread.
    Result<std::vector<TryRow>> tries(const std::string& run_id);
    Result<std::vector<RunRow>> open_runs();
    Result<std::optional<DagStateRow>> dag_state(const std::string& dag);
    Result<std::vector<DagStateRow>> dag_states();

private:
    Result<std::vector<DagStateRow>> dag_states(const Statement& statement);

    Store& store_;
};

}  // namespace tapedeck
