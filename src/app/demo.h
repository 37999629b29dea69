#pragma once

#include "app/config.h"
#include "app/signals.h"
#include "app/verbs.h"

namespace tapedeck {

// The demo's configuration: what is built in, with a database of its own (tapedeck-demo.db), and
// `sets` over it. No file of the user's is read.
Result<LoadedConfig> demo_config(const ConfigOptions& options);

// Serves simulated or saved pages on this machine and records from them.
Exit run_demo(const Globals& globals, const RunOptions& options, StopOnSignal& signals);

}  // namespace tapedeck
