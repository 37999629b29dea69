#pragma once

#include "app/config.h"
#include "app/verbs.h"

namespace tapedeck {

// The configuration that the command line names; `--config demo` is the demo's, unless a file of
// that name is there.
Result<LoadedConfig> load_globals(const Globals& globals);

}  // namespace tapedeck
