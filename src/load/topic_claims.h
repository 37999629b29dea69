#pragma once

#include <span>

#include "load/batch_maker.h"
#include "store/store.h"

namespace tapedeck {

// Notes which table each topic is loaded into. `rejected` where another loader, or this one under
// an earlier configuration, loads it into another: partitions go from loader to loader, and the
// topic's rows would be in two tables.
Result<> claim_topics(Store& store, std::span<const LoadedTopic> topics, const Patience& patience);

}  // namespace tapedeck
