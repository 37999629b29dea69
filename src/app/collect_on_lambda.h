#pragma once

#include <stop_token>
#include <string>

#include "app/settings.h"
#include "base/clock.h"
#include "collect/feed.h"
#include "market/outcome.h"

namespace tapedeck {

// Calls the function that a feed names for one try of a slot, once, and gives the account that it
// has put on the tape. An error where the call failed; what it did all the same, the tape tells.
Result<RunOutcomes> collect_on_lambda(const Settings& settings, Clock& clock, const Feed& feed,
                                      const CollectJob& job, std::stop_token stop);

// The event that asks for it.
std::string event_of(const Feed& feed, const CollectJob& job);

}  // namespace tapedeck
