#pragma once

#include <string>

#include "app/assembly.h"
#include "app/live_table.h"
#include "app/signals.h"
#include "app/verbs.h"

namespace tapedeck {

// Records until a signal, or as the options say, and holds the store's lease meanwhile: whoever
// writes to the store beforehand has taken it before. With a `screen`: a table on the terminal with
// `title` above it, in place of log lines.
Exit record(Assembly& assembly, std::unique_ptr<Lease> lease, const RunOptions& options,
            StopOnSignal& signals, const std::string& title, LiveScreen* screen);

}  // namespace tapedeck
