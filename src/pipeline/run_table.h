#pragma once

#include <optional>
#include <string>
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

// The tables dag_runs, task_tries and dag_states. Errors are the store's. Any thread.
class RunTable {
public:
    explicit RunTable(Store& store) : store_(store) {}

    // `conflict` where the DAG already has a scheduled run of that slot.
    Result<> begin_run(const RunRow& run, const std::string& config, bool advance_handled);
    Result<> end_run(const std::string& run_id, const std::string& state, Timestamp at);
    Result<> begin_try(const std::string& run_id, const TryRow& attempt);
    Result<> end_try(const std::string& run_id, const TryRow& attempt);

    Result<std::vector<TryRow>> tries(const std::string& run_id);
    Result<std::vector<RunRow>> open_runs();
    Result<std::optional<RunRow>> run_of(const std::string& dag, Timestamp slot);

    Result<std::optional<DagStateRow>> dag_state(const std::string& dag);
    Result<> save_dag_state(const DagStateRow& row);

private:
    Result<std::vector<RunRow>> runs(Statement statement);

    Store& store_;
};

}  // namespace tapedeck
