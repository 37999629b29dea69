#include "schedule/dag.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "config/nearest.h"
#include "schedule/schedule.h"

namespace tapedeck {
namespace {

constexpr std::array<std::string_view, 8> kKinds{"noop", "collect", "sql",          "ssh",
                                                 "sftp", "s3",      "spark_submit", "command"};
constexpr auto kConfigured =
    std::to_array<Choice<TaskKind>>({{TaskKind::noop, "noop"}, {TaskKind::collect, "collect"}});

constexpr std::size_t kMostTasks = 200;

class DagJudge {
public:
    explicit DagJudge(const DagSpec& dag) : dag_(dag) {
        for (const TaskSpec& task : dag.tasks) names_.push_back(task.name);
    }

    std::vector<DagFault> faults(std::span<const ShippedFile> calendars) {
        check_schedule(calendars);
        if (dag_.tasks.empty()) add("", "task", "has no task");
        if (dag_.tasks.size() > kMostTasks) {
            add("", "task", fmt::format("has more than {} tasks", kMostTasks));
            return std::move(faults_);
        }
        for (std::size_t i = 0; i < dag_.tasks.size(); ++i) check_task(i);
        check_circles();
        if (dag_.catchup && is_live(dag_)) {
            add("", "catchup",
                "catchup cannot be: the DAG collects, and a live quote never answers for a past "
                "slot");
        }
        return std::move(faults_);
    }

private:
    void add(std::string task, std::string_view key, std::string what) {
        faults_.push_back({std::move(task), key, std::move(what)});
    }

    void check_schedule(std::span<const ShippedFile> calendars) {
        const ScheduleSpec spec{dag_.schedule, dag_.zone, dag_.calendar, dag_.calendar_text,
                                std::nullopt};
        for (const ScheduleFault& fault : schedule_faults(spec, calendars)) {
            // ScheduleSpec's names are the keys', but for one.
            const std::string_view key = fault.part == "cron" ? "schedule" : fault.part;
            add("", key, fmt::format("{} is wrong: {}", key, fault.error.what));
        }
    }

    std::size_t index_of(std::string_view name) const {
        return static_cast<std::size_t>(std::ranges::find(names_, name) - names_.begin());
    }

    void check_task(std::size_t index) {
        const TaskSpec& task = dag_.tasks[index];
        if (index_of(task.name) != index) add(task.name, "", "is there twice");
        for (const std::string& name : task.after) {
            if (index_of(name) < names_.size()) continue;
            add(task.name, "after",
                fmt::format("after has {}, which is no task of this DAG{}", toml_string(name),
                            did_you_mean(name, names_)));
        }
        if (task.kind == TaskKind::collect && task.feed.empty()) {
            add(task.name, "feed", "feed is missing: a collect task needs one");
        }
        if (task.kind != TaskKind::collect && !task.feed.empty()) {
            add(task.name, "feed", "feed is for tasks of kind collect only");
        }
    }

    // Takes away tasks that wait for nothing until none is left, or only circles are, and those
    // that wait for one.
    void check_circles() {
        std::vector<bool> done(names_.size(), false);
        const auto waits = [&](const std::string& name) {
            const std::size_t before = index_of(name);
            return before < done.size() && !done[before];
        };
        for (bool moved = true; moved;) {
            moved = false;
            for (std::size_t i = 0; i < done.size(); ++i) {
                if (done[i] || std::ranges::any_of(dag_.tasks[i].after, waits)) continue;
                done[i] = moved = true;
            }
        }
        const auto left = std::ranges::find(done, false);
        if (left == done.end()) return;
        const std::vector<std::string> names =
            circle(static_cast<std::size_t>(left - done.begin()), waits);
        add(names.front(), "after",
            fmt::format("after never ends: {} wait for one another", fmt::join(names, ", ")));
    }

    // The tasks of the circle that is met from `at` on, the file's first of them first, each before
    // the one that it waits for.
    std::vector<std::string> circle(std::size_t at, const auto& waits) const {
        std::vector<std::size_t> path;
        while (std::ranges::find(path, at) == path.end()) {
            path.push_back(at);
            at = index_of(*std::ranges::find_if(dag_.tasks[at].after, waits));
        }
        path.erase(path.begin(), std::ranges::find(path, at));
        std::ranges::rotate(path, std::ranges::min_element(path));
        std::vector<std::string> names;
        for (const std::size_t index : path) names.push_back(names_[index]);
        return names;
    }

    const DagSpec& dag_;
    std::vector<std::string> names_;
    std::vector<DagFault> faults_;
};

}  // namespace

std::string_view to_string(TaskKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
std::span<const Choice<TaskKind>> choices(TaskKind) { return kConfigured; }

bool is_live(const DagSpec& dag) {
    return std::ranges::find(dag.tasks, TaskKind::collect, &TaskSpec::kind) != dag.tasks.end();
}

TaskLimits limits_of(const DagSpec& dag, std::string_view task) {
    TaskLimits limits{dag.retries, dag.retry_delay, dag.timeout};
    const auto found = std::ranges::find(dag.tasks, task, &TaskSpec::name);
    if (found != dag.tasks.end()) {
        limits.retries = found->retries.value_or(limits.retries);
        limits.retry_delay = found->retry_delay.value_or(limits.retry_delay);
        limits.timeout = found->timeout.value_or(limits.timeout);
    }
    if (limits.timeout.count() == 0) limits.timeout = kNoTimeout;
    return limits;
}

std::vector<DagFault> dag_faults(const DagSpec& dag, std::span<const ShippedFile> calendars) {
    return DagJudge(dag).faults(calendars);
}

Result<> validate(const DagSpec& dag) {
    const std::vector<DagFault> faults = dag_faults(dag);
    if (faults.empty()) return {};
    const DagFault& first = faults.front();
    const std::string task = first.task.empty() ? "" : fmt::format("task {}: ", first.task);
    return Error{ErrorKind::rejected, fmt::format("dag {}: {}{}", dag.name, task, first.what)};
}

}  // namespace tapedeck
