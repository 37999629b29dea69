#pragma once

#include <string_view>

#include "market/record.h"

namespace tapedeck {

// Which instrument a name means, in messages and rows that say no more: the coin itself; of a stock
// the last group in parentheses that may be a ticker, "AAPL" of "Apple Inc. (AAPL)", else the name.
std::string_view instrument_of(std::string_view name, RecordForm form);

}  // namespace tapedeck
