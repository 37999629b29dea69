#pragma once

#include <string>

#include "app/assembly.h"
#include "app/signals.h"
#include "app/verbs.h"
#include "net/curl_client.h"

namespace tapedeck {

// Takes the lease and records until a signal, or as the options say. `live`: a table on the
// terminal with `title` above it, in place of log lines.
Exit record(Assembly& assembly, const RunOptions& options, StopOnSignal& signals,
            const std::string& title, bool live);

// How requests are made, by the configuration.
CurlOptions curl_options(const Settings& settings);

}  // namespace tapedeck
