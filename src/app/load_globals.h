#pragma once

#include "app/config.h"
#include "app/verbs.h"

namespace tapedeck {

// The configuration that the command line names; `--config demo` is the demo's, unless a file of
// that name is there.
Result<LoadedConfig> load_globals(const Globals& globals);

// Prints an error of load_globals, Assembly::open or open_reader, and gives its exit code: 3 where
// the file that was named, or the store, is not there.
Exit fail_opening(const Error& error);

}  // namespace tapedeck
