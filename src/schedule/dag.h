#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "config/fields.h"
#include "config/shipped.h"

namespace tapedeck {

// What a task does. This program carries out `noop` and `collect`, and so a configuration has no
// others; a real Airflow all of them.
enum class TaskKind { noop, collect, sql, ssh, sftp, s3, spark_submit, command };

std::string_view to_string(TaskKind kind);
std::span<const Choice<TaskKind>> choices(TaskKind);  // of a configuration

// A [dag.NAME.task.TASK] table.
struct TaskSpec {
    std::string name;
    TaskKind kind = TaskKind::noop;
    std::string feed;                           // `collect` only
    std::vector<std::string> after;             // the tasks that must have succeeded before
    std::optional<int> retries = std::nullopt;  // these three: unset, the DAG's
    std::optional<std::chrono::milliseconds> retry_delay = std::nullopt;
    std::optional<std::chrono::milliseconds> timeout = std::nullopt;  // 0: none
    friend bool operator==(const TaskSpec&, const TaskSpec&) = default;
};

// A [dag.NAME] table; dag_faults() says whether it can be run.
struct DagSpec {
    std::string name;
    std::string schedule;  // a cron expression, @once included
    std::string zone = "UTC";
    std::string calendar = "always";
    std::string calendar_text;  // of a user's own; empty: one that is shipped
    int retries = 0;            // further tries of a task after its first
    std::chrono::milliseconds retry_delay{15'000};
    std::chrono::milliseconds timeout{0};  // of one try of a task; 0: none
    bool catchup = false;                  // run every instant that was missed, not only the last
    bool paused = false;                   // where nobody has paused or resumed it since
    int concurrency = 1;                   // runs at the same time
    std::vector<TaskSpec> tasks;           // in the order of the file
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

// One thing for which a DAG cannot be run.
struct DagFault {
    std::string task;      // empty: the DAG's own table
    std::string_view key;  // of that table
    std::string what;      // a sentence that mostly begins with the key
    friend bool operator==(const DagFault&, const DagFault&) = default;
};

// All for which a DAG cannot be run: a schedule, zone or calendar that is none, or that do not go
// together; no task, or more than 200; a task twice; `after` a task that is not there, or in a
// circle; a feed where none belongs or one is needed; `catchup` with a collecting task. Numbers
// are as the tables below let them be; whether there is such a feed, its owner says. `calendars`:
// the files that calendar names are looked up in.
std::vector<DagFault> dag_faults(const DagSpec& dag,
                                 std::span<const ShippedFile> calendars = shipped_files());

// `rejected` with the first of them.
Result<> validate(const DagSpec& dag);

// The slots of a DAG that collects are live: a quote never answers for a past one.
bool is_live(const DagSpec& dag);

namespace fields {

inline constexpr auto kTask = std::tuple{
    field("kind", &TaskSpec::kind, "What the task does.").required(),
    field("feed", &TaskSpec::feed, "The feed that a collect task collects.").if_unset("none"),
    field("after", &TaskSpec::after, "Tasks of this DAG that must have succeeded before.")
        .distinct(),
    field("retries", &TaskSpec::retries, "Tries after the first one fails.")
        .between(0, 1'000)
        .if_unset("the DAG's"),
    field("retry_delay", &TaskSpec::retry_delay, "Wait before the next try.")
        .between(std::chrono::milliseconds(0), kNoTimeout)
        .if_unset("the DAG's"),
    field("timeout", &TaskSpec::timeout,
          "Longest time for one try; \"0\" is none. A slot's grace ends it as well.")
        .between(std::chrono::milliseconds(0), kNoTimeout)
        .if_unset("the DAG's"),
};

inline constexpr auto kDag = std::tuple{
    field("schedule", &DagSpec::schedule, "Cron expression, or @daily and its like.")
        .required()
        .for_example("\"*/5 * * * *\""),
    field("zone", &DagSpec::zone, "Time zone of the schedule.").for_example("\"America/New_York\""),
    field("calendar", &DagSpec::calendar,
          "Exchange calendar whose sessions the schedule is held to; always has no holidays.")
        .for_example("\"XNAS\""),
    field("retries", &DagSpec::retries, "Tries of a task after its first one fails.")
        .between(0, 1'000),
    field("retry_delay", &DagSpec::retry_delay, "Wait before the next try.")
        .between(std::chrono::milliseconds(0), kNoTimeout),
    field("timeout", &DagSpec::timeout,
          "Longest time for one try of a task; \"0\" is none. A slot's grace ends it as well.")
        .between(std::chrono::milliseconds(0), kNoTimeout),
    field("catchup", &DagSpec::catchup,
          "Whether instants that passed while nothing ran are run afterwards; of no DAG that "
          "collects, as a live quote answers for no past slot."),
    field("paused", &DagSpec::paused, "A paused DAG begins no run by itself."),
    field("concurrency", &DagSpec::concurrency, "Runs of this DAG at once.").between(1, 1'000),
    named_group("task", &DagSpec::tasks, kTask, "TASK", "A step of the DAG."),
};

}  // namespace fields
}  // namespace tapedeck
