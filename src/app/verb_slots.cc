#include <fmt/format.h>

#include <algorithm>

#include "app/load_globals.h"
#include "app/moment.h"
#include "app/spans.h"
#include "app/verbs.h"
#include "base/json_writer.h"
#include "schedule/schedule.h"
#include "store/run_table.h"

namespace tapedeck {
namespace {

Result<Schedule> schedule_of(const DagSpec& dag, Timestamp first_seen) {
    DagState state;
    state.dag = dag.name;
    state.first_seen = first_seen;
    return dag_schedule(dag, state);
}

std::string joined_names(const std::vector<DagSpec>& dags) {
    std::string names;
    for (const DagSpec& dag : dags) names += (names.empty() ? "" : ", ") + dag.name;
    return names;
}

// The present moment (the demo has a clock of its own) and the DAGs' states; before the first run
// there is no store, and they are the configuration's.
struct Known {
    Timestamp now;
    std::map<std::string, DagStateRow> dags;
};

Result<Known> what_the_store_knows(const Globals& globals) {
    auto reader = open_reader(globals);
    if (!reader) {
        if (!reader.error().what.starts_with("there is no ")) return reader.error();
        return Known{SystemClock().now(), {}};
    }
    Known known{reader->now, {}};
    RunTable runs(reader->assembly->store());
    for (const DagSpec& dag : reader->assembly->dags()) {
        auto state = runs.dag_state(dag.name);
        if (!state) return state.error();
        if (*state) known.dags[dag.name] = **state;
    }
    return known;
}

}  // namespace

Exit verb_slots(const Globals& globals, const SlotsOptions& options) {
    const Timestamp now = SystemClock().now();
    const auto from = moment_named(options.from, now, globals.zone);
    if (!from) return fail(Exit::usage, "--from: " + from.error().what);
    const auto to = moment_named(options.to, now, globals.zone);
    if (!to) return fail(Exit::usage, "--to: " + to.error().what);
    if (options.dag.empty() && options.cron.empty()) {
        return fail(Exit::usage, "of what? Name a DAG, or an expression by --cron");
    }
    if (!options.dag.empty() && !options.cron.empty()) {
        return fail(Exit::usage, "either a DAG or --cron, not both");
    }
    std::optional<Schedule> schedule;
    if (!options.cron.empty()) {
        auto config = load_globals(globals);
        if (!config) return fail_opening(config.error());
        const auto own = config->settings.calendars.find(options.calendar);
        auto made = Schedule::make(
            {options.cron, options.zone, options.calendar,
             own == config->settings.calendars.end() ? std::string() : own->second.text, *from});
        if (!made) return fail(Exit::usage, made.error().what);
        schedule = *std::move(made);
    } else {
        auto config = load_globals(globals);
        if (!config) return fail_opening(config.error());
        const auto dags = make_dags(config->settings);
        const auto dag = std::ranges::find(dags, options.dag, &DagSpec::name);
        if (dag == dags.end()) {
            return fail(Exit::not_found, fmt::format("there is no DAG {}; there are {}",
                                                     options.dag, joined_names(dags)));
        }
        // The one instant of @once is where a recorder first saw it.
        Timestamp first_seen = *from;
        if (dag->schedule == "@once") {
            const auto known = what_the_store_knows(globals);
            if (!known) return fail_opening(known.error());
            const auto state = known->dags.find(dag->name);
            if (state != known->dags.end()) {
                first_seen = state->second.since.value_or(first_seen);
            }
        }
        auto made = schedule_of(*dag, first_seen);
        if (!made) return fail(Exit::failed, made.error().what);
        schedule = *std::move(made);
    }
    const auto instants = open_instants(*schedule, *from, *to);
    if (!instants) return fail(Exit::usage, instants.error().what);
    std::string out;
    JsonWriter json(out);
    if (globals.json) json.begin_array();
    for (const Timestamp instant : *instants) {
        if (globals.json) {
            json.text(format_rfc3339(instant));
        } else {
            append_rfc3339(out, instant);
            out += '\n';
        }
    }
    if (globals.json) {
        json.end_array();
        out += '\n';
    }
    return print(out) ? Exit::fine : Exit::failed;
}

Exit verb_next(const Globals& globals, const NextOptions& options) {
    auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    auto known = what_the_store_knows(globals);
    if (!known) return fail_opening(known.error());
    const Timestamp now = known->now;
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    Table table({{"dag"}, {"slot"}, {"in"}, {"state"}, {"schedule"}, {"zone"}, {"calendar"}});
    for (const DagSpec& dag : make_dags(config->settings)) {
        const auto state = known->dags.find(dag.name);
        const bool stored = state != known->dags.end();
        const bool paused = stored ? state->second.paused : dag.paused;
        const Timestamp since = stored ? state->second.since.value_or(now) : now;
        const auto schedule = schedule_of(dag, since);
        if (!schedule) return fail(Exit::failed, schedule.error().what);
        // As `dag` has it: while the clock is behind what was handled, nothing is started.
        Timestamp after = stored ? std::max(now, state->second.handled_until.value_or(now)) : now;
        for (int i = 0; i < options.count; ++i) {
            const auto slot = schedule->next_open(after);
            if (!slot) break;
            after = *slot;
            const auto left = std::chrono::duration_cast<std::chrono::seconds>(*slot - now);
            json.begin_object().key("dag").text(dag.name);
            json.key("slot").text(format_rfc3339(*slot));
            json.key("paused").boolean(paused).end_object();
            table.add({dag.name, format_rfc3339(*slot),
                       format_duration(std::chrono::milliseconds(left)), paused ? "paused" : "on",
                       dag.schedule, dag.zone, dag.calendar});
        }
    }
    json.end_array();
    if (globals.json) {
        print(out + "\n");
    } else {
        table.print();
    }
    return Exit::fine;
}

}  // namespace tapedeck
