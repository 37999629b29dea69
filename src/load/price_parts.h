#pragma once

#include <vector>

#include "load/batch_maker.h"
#include "market/record_parts.h"

namespace tapedeck {

// As read_prices, but a record of an array that cannot be read costs only itself, and is added to
// `refused`. On an error `out` and `refused` are unchanged.
Result<> read_price_parts(RecordDecoder& decoder, const TapeMessage& message, RecordForm form,
                          TextArena& arena, std::vector<Record>& out,
                          std::vector<RefusedRecord>& refused);

}  // namespace tapedeck
