// Plans the runs of a schedule: what decides when something is due, without doing it.
// links_test.py reads what it needs.
#include <cstdio>

#include "base/clock.h"
#include "schedule/planner.h"

using namespace tapedeck;

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const SystemClock clock;
    DagSpec dag;
    dag.name = "planned";
    dag.schedule = argv[1];
    DagState state;
    state.dag = dag.name;
    state.first_seen = clock.now();
    const auto schedule = dag_schedule(dag, state);
    if (!schedule) {
        std::fprintf(stderr, "%s\n", schedule.error().what.c_str());
        return 1;
    }
    const PlannedDag planned{dag, *schedule, state};
    const Plan plan = tapedeck::plan({&planned, 1}, clock.now());
    if (plan.wake) std::printf("%s\n", format_rfc3339(*plan.wake).c_str());
    return 0;
}
