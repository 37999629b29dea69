#include <fmt/format.h>

#include "app/load_globals.h"
#include "app/spans.h"
#include "app/verbs.h"
#include "base/json_writer.h"
#include "schedule/planner.h"
#include "store/run_table.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr int kRunsShown = 10;

struct ShownDag {
    DagSpec spec;
    bool paused = false;
    std::optional<Timestamp> handled;
    std::optional<Timestamp> since;
    std::optional<Timestamp> next;
    std::vector<RunRow> runs;  // of `show`, the latest first
};

// The configuration's DAGs with what the store knows of them; `store` may be none: nothing was
// recorded yet.
Result<std::vector<ShownDag>> read_dags(const std::vector<DagSpec>& specs, Store* store,
                                        Timestamp now) {
    std::vector<ShownDag> dags;
    for (const DagSpec& spec : specs) {
        ShownDag dag{spec, spec.paused, {}, {}, {}, {}};
        if (store != nullptr) {
            const auto known = RunTable(*store).dag_state(spec.name);
            if (!known) return known.error();
            if (*known) {
                dag.paused = (*known)->paused;
                dag.handled = (*known)->handled_until;
                dag.since = (*known)->since;
            }
        }
        DagState state;
        state.dag = spec.name;
        state.first_seen = dag.since.value_or(now);
        const auto schedule = dag_schedule(spec, state);
        if (!schedule) return in_context(spec.name, schedule.error());
        dag.next = schedule->next_open(std::max(now, dag.handled.value_or(now)));
        dags.push_back(std::move(dag));
    }
    return dags;
}

std::string timeout_of(const DagSpec& dag) {
    return dag.timeout.count() == 0 ? "none" : format_duration(dag.timeout);
}

void write_dag(JsonWriter& json, const ShownDag& dag, bool whole) {
    json.begin_object().key("dag").text(dag.spec.name).key("paused").boolean(dag.paused);
    json.key("schedule").text(dag.spec.schedule).key("zone").text(dag.spec.zone);
    json.key("calendar").text(dag.spec.calendar);
    write_time(json, "since", dag.since);
    write_time(json, "handled_until", dag.handled);
    write_time(json, "next", dag.next);
    if (!whole) {
        json.end_object();
        return;
    }
    json.key("retries").number(dag.spec.retries);
    json.key("retry_delay").text(format_duration(dag.spec.retry_delay));
    json.key("timeout").text(timeout_of(dag.spec));
    json.key("concurrency").number(dag.spec.concurrency);
    json.key("catchup").boolean(dag.spec.catchup).key("tasks").begin_array();
    for (const TaskSpec& task : dag.spec.tasks) {
        json.begin_object().key("task").text(task.name).key("kind").text(to_string(task.kind));
        json.key("feed").text(task.feed).key("after").begin_array();
        for (const std::string& name : task.after) json.text(name);
        json.end_array().end_object();
    }
    json.end_array().key("runs").begin_array();
    for (const RunRow& run : dag.runs) {
        json.begin_object().key("run_id").text(run.run_id).key("kind").text(run.kind);
        json.key("state").text(run.state).key("slot").text(format_rfc3339(run.slot));
        write_time(json, "ended_at", run.ended_at);
        json.end_object();
    }
    json.end_array().end_object();
}

std::string shown(const std::optional<Timestamp>& time) {
    return time ? format_rfc3339(*time) : "-";
}

void show_list(const std::vector<ShownDag>& dags) {
    Table table({{"dag"},
                 {"state"},
                 {"schedule"},
                 {"zone"},
                 {"calendar"},
                 {"next"},
                 {"handled_until"},
                 {"tasks", Align::right}});
    for (const ShownDag& dag : dags) {
        table.add({dag.spec.name, dag.paused ? "paused" : "on", dag.spec.schedule, dag.spec.zone,
                   dag.spec.calendar, shown(dag.next), shown(dag.handled),
                   std::to_string(dag.spec.tasks.size())});
    }
    table.print();
}

void show_whole(const ShownDag& dag) {
    Table facts({{"key"}, {"value"}});
    facts.add({"dag", dag.spec.name});
    facts.add({"state", dag.paused ? "paused" : "on"});
    facts.add({"schedule", dag.spec.schedule});
    facts.add({"zone", dag.spec.zone});
    facts.add({"calendar", dag.spec.calendar});
    facts.add({"next", shown(dag.next)});
    facts.add({"since", shown(dag.since)});
    facts.add({"handled_until", shown(dag.handled)});
    facts.add({"retries", std::to_string(dag.spec.retries)});
    facts.add({"retry_delay", format_duration(dag.spec.retry_delay)});
    facts.add({"timeout", timeout_of(dag.spec)});
    facts.add({"concurrency", std::to_string(dag.spec.concurrency)});
    facts.add({"catchup", dag.spec.catchup ? "true" : "false"});
    facts.print();
    print("\n");
    Table tasks({{"task"}, {"kind"}, {"feed"}, {"after"}});
    for (const TaskSpec& task : dag.spec.tasks) {
        std::string after;
        for (const std::string& name : task.after) after += (after.empty() ? "" : ", ") + name;
        tasks.add({task.name, std::string(to_string(task.kind)), task.feed, after});
    }
    tasks.print();
    if (dag.runs.empty()) return;
    print("\n");
    Table runs({{"slot"}, {"state"}, {"kind"}, {"ended"}, {"run"}});
    for (const RunRow& run : dag.runs) {
        runs.add({format_rfc3339(run.slot), run.state, run.kind, shown(run.ended_at), run.run_id});
    }
    runs.print();
}

Result<> set_paused(Store& store, const std::string& dag, bool paused) {
    const std::vector<Statement> statements{RunTable::dag_paused(dag, paused)};
    auto done = store.transact(statements);
    if (!done) return done.error();
    return {};
}

std::string names_of(const std::vector<DagSpec>& dags) {
    std::string names;
    for (const DagSpec& dag : dags) names += (names.empty() ? "" : ", ") + dag.name;
    return names;
}

// The demo's clock has its own time.
Timestamp now_of(const Reader* reader) { return reader ? reader->now : SystemClock().now(); }

}  // namespace

Exit verb_dag(const Globals& globals, const DagOptions& options) {
    const bool changes = options.action == "pause" || options.action == "resume";
    if (options.name.empty() != (options.action == "list")) {
        return fail(Exit::usage, options.name.empty()
                                     ? fmt::format("`dag {}` needs a DAG", options.action)
                                     : "`dag list` takes no name");
    }
    auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    std::vector<DagSpec> specs = make_dags(config->settings);
    if (!options.name.empty()) {
        const std::string all = names_of(specs);
        std::erase_if(specs, [&](const DagSpec& dag) { return dag.name != options.name; });
        if (specs.empty()) {
            return fail(Exit::not_found,
                        fmt::format("there is no DAG {}; there are {}", options.name, all));
        }
    }
    auto reader = open_reader(globals, changes);
    // Before the first run there is nothing to read, and yet the DAGs are known.
    const bool missing = !reader && reader.error().what.starts_with("there is no ");
    if (!reader && (changes || !missing)) return fail_opening(reader.error());
    Reader* const opened = reader ? &*reader : nullptr;
    Store* const store = opened ? &opened->assembly->store() : nullptr;
    if (changes) {
        auto done = set_paused(*store, options.name, options.action == "pause");
        if (!done) return fail(done.error());
    }
    auto dags = read_dags(specs, store, now_of(opened));
    if (!dags) return fail(dags.error());
    const bool whole = options.action == "show";
    if (whole && store != nullptr) {
        auto runs = RunTable(*store).last_runs(dags->front().spec.name, kRunsShown);
        if (!runs) return fail(runs.error());
        dags->front().runs = *std::move(runs);
    }
    if (globals.json) {
        std::string out;
        JsonWriter json(out);
        if (options.action == "list") json.begin_array();
        for (const ShownDag& dag : *dags) write_dag(json, dag, whole);
        if (options.action == "list") json.end_array();
        print(out + "\n");
    } else if (whole) {
        show_whole(dags->front());
    } else {
        show_list(*dags);
    }
    return Exit::fine;
}

}  // namespace tapedeck
