#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collect/feed.h"
#include "store/store.h"

namespace tapedeck {

// The price of the last slot that has one.
struct LastPrice {
    std::string instrument;
    std::optional<Price> price;
    std::optional<Timestamp> seen;
    std::string source;
};

// Of every instrument of the feed, in its order. Read from the newest slot backwards, and no
// further than the last instrument needs.
Result<std::vector<LastPrice>> last_prices(Store& store, const Feed& feed);

}  // namespace tapedeck
