#include "schedule/dag.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace tapedeck {
namespace {

constexpr std::array<std::string_view, 8> kKinds{"noop", "collect", "sql",          "ssh",
                                                 "sftp", "s3",      "spark_submit", "command"};

constexpr int kMostRetries = 1'000;
constexpr int kMostRuns = 1'000;
constexpr std::size_t kMostTasks = 200;

Error refuse(const DagSpec& dag, std::string_view what) {
    return {ErrorKind::rejected, fmt::format("dag {}: {}", dag.name, what)};
}

std::optional<std::size_t> index_of(const DagSpec& dag, std::string_view task) {
    for (std::size_t i = 0; i < dag.tasks.size(); ++i) {
        if (dag.tasks[i].name == task) return i;
    }
    return {};
}

Result<> check_task(const DagSpec& dag, std::size_t index) {
    const TaskSpec& task = dag.tasks[index];
    const auto bad = [&](std::string_view what) {
        return refuse(dag, fmt::format("task '{}' {}", task.name, what));
    };
    if (task.name.empty()) return refuse(dag, "a task has no name");
    if (index_of(dag, task.name) != index) return bad("is there twice");
    const std::optional<TaskKind> kind = task_kind_named(task.kind);
    if (!kind) {
        return bad(fmt::format("has the unknown kind '{}'; known: {}", task.kind,
                               fmt::join(kKinds, ", ")));
    }
    if (*kind == TaskKind::collect && task.feed.empty()) return bad("collects, but names no feed");
    if (*kind != TaskKind::collect && !task.feed.empty()) {
        return bad(fmt::format("names the feed '{}', but does not collect", task.feed));
    }
    for (const std::string& name : task.after) {
        if (!index_of(dag, name)) return bad(fmt::format("is after '{}', which is no task", name));
        if (std::count(task.after.begin(), task.after.end(), name) > 1) {
            return bad(fmt::format("is after '{}' twice", name));
        }
    }
    return {};
}

Result<> check_numbers(const DagSpec& dag) {
    using std::chrono::hours;
    using std::chrono::milliseconds;
    if (dag.retries < 0 || dag.retries > kMostRetries) {
        return refuse(dag,
                      fmt::format("retries must be 0 to {}, not {}", kMostRetries, dag.retries));
    }
    if (dag.concurrency < 1 || dag.concurrency > kMostRuns) {
        return refuse(
            dag, fmt::format("concurrency must be 1 to {}, not {}", kMostRuns, dag.concurrency));
    }
    if (dag.retry_delay < milliseconds(0) || dag.retry_delay > kNoTimeout) {
        return refuse(dag, "retry_delay must be 0 to 36500d");
    }
    if (dag.timeout < milliseconds(0) || dag.timeout > kNoTimeout) {
        return refuse(dag, "timeout must be 0, for none, to 36500d");
    }
    return {};
}

// The tasks of one circle among those not in `done`, in the order in which they wait.
std::vector<std::string> circle(const DagSpec& dag, const std::vector<bool>& done) {
    std::size_t at =
        static_cast<std::size_t>(std::find(done.begin(), done.end(), false) - done.begin());
    std::vector<std::size_t> path;
    while (std::find(path.begin(), path.end(), at) == path.end()) {
        path.push_back(at);
        // Every task that is left waits for another one that is left.
        for (const std::string& name : dag.tasks[at].after) {
            const std::size_t before = *index_of(dag, name);
            if (!done[before]) {
                at = before;
                break;
            }
        }
    }
    std::vector<std::string> names;
    for (auto i = std::find(path.begin(), path.end(), at); i != path.end(); ++i) {
        names.push_back(dag.tasks[*i].name);
    }
    names.push_back(dag.tasks[at].name);
    return names;
}

}  // namespace

std::string_view to_string(TaskKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::optional<TaskKind> task_kind_named(std::string_view name) {
    const auto at = std::find(kKinds.begin(), kKinds.end(), name);
    if (at == kKinds.end()) return {};
    return static_cast<TaskKind>(at - kKinds.begin());
}

bool is_live(const DagSpec& dag) {
    return std::any_of(dag.tasks.begin(), dag.tasks.end(), [](const TaskSpec& task) {
        return task.kind == to_string(TaskKind::collect);
    });
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

Result<std::vector<std::size_t>> topological_order(const DagSpec& dag) {
    if (dag.name.empty()) return refuse(dag, "a dag has no name");
    if (dag.tasks.empty()) return refuse(dag, "has no task");
    if (dag.tasks.size() > kMostTasks) {
        return refuse(dag, fmt::format("has more than {} tasks", kMostTasks));
    }
    for (std::size_t i = 0; i < dag.tasks.size(); ++i) {
        if (const Result<> checked = check_task(dag, i); !checked) return checked.error();
    }
    std::vector<std::size_t> order;
    std::vector<bool> done(dag.tasks.size(), false);
    while (order.size() < dag.tasks.size()) {
        const std::size_t before = order.size();
        for (std::size_t i = 0; i < dag.tasks.size(); ++i) {
            const std::vector<std::string>& after = dag.tasks[i].after;
            if (done[i] || !std::all_of(after.begin(), after.end(), [&](const std::string& name) {
                    return done[*index_of(dag, name)];
                })) {
                continue;
            }
            done[i] = true;
            order.push_back(i);
            break;  // from the start again, so that the file's order is kept where it can be
        }
        if (order.size() == before) {
            return refuse(dag, fmt::format("tasks wait for one another in a circle: {}",
                                           fmt::join(circle(dag, done), " after ")));
        }
    }
    return order;
}

Result<> validate(const DagSpec& dag) {
    if (const auto order = topological_order(dag); !order) return order.error();
    if (const Result<> checked = check_numbers(dag); !checked) return checked.error();
    if (dag.catchup && is_live(dag)) {
        return refuse(dag,
                      "catchup = true cannot be: it collects, and a live quote never answers for "
                      "a past slot");
    }
    return {};
}

}  // namespace tapedeck
