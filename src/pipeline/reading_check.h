#pragma once

#include <optional>

#include "pipeline/feed.h"

namespace tapedeck {

// What is wrong with a reading for this feed, if anything: a price that is not positive, a currency
// that is not the feed's, an age beyond the feed's or the source's limit, or a time in the future.
std::optional<Failure> check_reading(const Reading& reading, const Feed& feed, const Source& source,
                                     Timestamp observed_at);

}  // namespace tapedeck
