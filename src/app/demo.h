#pragma once

#include <optional>

#include "app/assembly.h"
#include "app/config.h"
#include "app/signals.h"
#include "app/verbs.h"
#include "store/store.h"

namespace tapedeck {

// The demo's configuration: the file that --config names (other than "demo"), else what is built in
// with a database of its own (tapedeck-demo.db); and the options' `sets` over it. No other file of
// the user's is read.
Result<LoadedConfig> demo_config(const ConfigOptions& options);

// The moment that the demo's clock has reached in this store; none where it is no demo's.
Result<std::optional<Timestamp>> demo_time_reached(Store& store);
Result<> keep_demo_time(Store& store, Timestamp reached);

// The latest moment that store and tape know of, however the demo ended: its clock goes on after
// it. None where nothing is there yet. `rejected` where the store or one of its topics holds what
// no demo has put there.
Result<std::optional<Timestamp>> demo_time_passed(Assembly& assembly);

// `rejected` where the store is a demo's: real prices are kept out of it.
Result<> refuse_demo_store(Assembly& assembly);

// Serves simulated or saved pages on this machine and records from them, in the demo's own time.
Exit run_demo(const Globals& globals, const RunOptions& options, StopOnSignal& signals);

}  // namespace tapedeck
