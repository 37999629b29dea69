#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "app/settings.h"
#include "base/time.h"
#include "coverage/coverage.h"
#include "schedule/dag.h"
#include "store/store.h"

namespace tapedeck {

// Which slots were ever expected follows from this file alone: the recorder plans by it, the
// coverage ledger and every verb derive by it. Whoever runs the schedule calls begin_schedule
// before, with one instant for everything: from it on slots are expected and started. Nobody else
// makes a slot expected; what is collected by hand is accounted for beside (with_tried).

// One configuration that was in force from `at` on. Without a text: from then on nothing was
// expected, as the demo stood still.
struct ConfigEntry {
    Timestamp at;
    std::string digest;
    std::string text;
};
Result<std::vector<ConfigEntry>> config_history(Store& store);

// From when on the instants of a DAG's latest schedule are its own; by DAG, as dag_states has it.
using FirstSeen = std::map<std::string, Timestamp>;
Result<FirstSeen> first_seen_dags(Store& store);

// For each DAG of the last configuration, since when the history has had it with the same schedule,
// zone and calendar: anew when it comes back or changes.
Result<FirstSeen> first_seen_in(std::span<const ConfigEntry> history);

// What the history expects; of a DAG that no recorder has seen, nothing.
Result<std::vector<Expectation>> expectations_in(std::span<const ConfigEntry> history,
                                                 const FirstSeen& seen);

// Writes, in one transaction, the configuration into the history where it differs from the last
// one there, and since when each of its DAGs is scheduled. With `stood_still`, nothing was expected
// from that moment until `at`, and nothing of that time is started.
Result<> begin_schedule(Store& store, const Settings& settings, const ConfigEntry& now,
                        std::optional<Timestamp> stood_still);

}  // namespace tapedeck
