#pragma once

#include <functional>
#include <stop_token>

#include "base/clock.h"
#include "events/log.h"

namespace tapedeck {

// Until the store answers `step`, or a stop is requested: it may be away, or out of connections, at
// any question. What waiting cannot help is returned.
Result<> ask_patiently(Clock& clock, Log& log, const std::stop_token& stop,
                       const std::function<Result<>()>& step);

}  // namespace tapedeck
