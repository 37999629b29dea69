#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tapedeck {

// What a task does. This program carries out `noop` and `collect`; a real Airflow all of them.
enum class TaskKind { noop, collect, sql, ssh, sftp, s3, spark_submit, command };

std::string_view to_string(TaskKind kind);
std::optional<TaskKind> task_kind_named(std::string_view name);

struct TaskSpec {
    std::string name;
    std::string kind;                           // a TaskKind's name, as configured
    std::string feed;                           // `collect` only
    std::vector<std::string> after;             // the tasks that must have succeeded before
    std::optional<int> retries = std::nullopt;  // these three: unset, the DAG's
    std::optional<std::chrono::milliseconds> retry_delay = std::nullopt;
    std::optional<std::chrono::milliseconds> timeout = std::nullopt;  // 0: none
    friend bool operator==(const TaskSpec&, const TaskSpec&) = default;
};

// A [dag.NAME] table, as configured, with the same defaults (config/settings.h); validate() says
// whether it can be run.
struct DagSpec {
    std::string name;
    std::string schedule;  // a cron expression, @once included
    std::string zone = "UTC";
    std::string calendar = "always";
    std::string calendar_text;  // of a user's own; empty: one that is shipped
    int retries = 0;            // further tries of a task after its first
    std::chrono::milliseconds retry_delay{15'000};
    std::chrono::milliseconds timeout{0};  // of one try of a task; 0: none
    int concurrency = 1;                   // runs at the same time
    bool paused = false;                   // where nobody has paused or resumed it since
    bool catchup = false;                  // run every instant that was missed, not only the last
    std::vector<TaskSpec> tasks;
    friend bool operator==(const DagSpec&, const DagSpec&) = default;
};

// What holds for one task: its own, or the DAG's where it says nothing or is not there.
struct TaskLimits {
    int retries;
    std::chrono::milliseconds retry_delay;
    std::chrono::milliseconds timeout;  // of one try; kNoTimeout: none
};
inline constexpr std::chrono::milliseconds kNoTimeout = std::chrono::hours(24 * 36'500);
TaskLimits limits_of(const DagSpec& dag, std::string_view task);

// Refuses what cannot be run: no name or task, a task twice, an unknown kind (with the known ones)
// or `after`, tasks that wait for one another in a circle (which it names), a feed where none
// belongs or is needed, numbers out of range, `catchup` with a collecting task. Does not look at
// schedule, zone and calendar: Schedule::make does, and at feeds: their owner does.
Result<> validate(const DagSpec& dag);

// Indexes into `dag.tasks`: each task after those it waits for, otherwise in their order.
// `rejected` as by validate().
Result<std::vector<std::size_t>> topological_order(const DagSpec& dag);

// The slots of a DAG that collects are live: a quote never answers for a past one.
bool is_live(const DagSpec& dag);

}  // namespace tapedeck
