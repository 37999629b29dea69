#pragma once

#include <string>

#include "base/result.h"

namespace tapedeck {

// Makes tapedeck.toml, two sources and tapedeck.db in the folder `path`: a Wednesday before a
// holiday with prices, a throttled page and its fallback, a failure, a missed slot, a dead letter
// and a frozen clock. The same bytes every time but for sizes of files: one thread, a ManualClock
// and a function for the web.
Result<> make_golden_world(const std::string& path);

}  // namespace tapedeck
