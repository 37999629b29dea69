#pragma once

#include <map>
#include <string>

#include "base/sha256.h"
#include "collect/feed.h"
#include "store/store.h"

namespace tapedeck {

// What two deployments that recorded the same must have alike, whatever their engines, offsets and
// order of loading. Each hash is the sum, modulo 2^256, of the SHA-256 of its lines: it needs no
// order, and no more memory than one row.
struct Parity {
    std::int64_t rows = 0;
    Sha256 rows_hash{};  // of feed, instrument, price, date, slot, source, revision of each row
    std::int64_t slots = 0;
    Sha256 coverage_hash{};  // of feed, slot, instrument, state, reason of each entry
    friend bool operator==(const Parity&, const Parity&) = default;
};

// Over all rows of the feeds' tables and the table `coverage`. Errors are the store's.
Result<Parity> parity_of(Store& store, const std::map<std::string, Feed>& feeds);

// Adds the hash of one line to the sum.
void add_line(Sha256& sum, std::string_view line);

}  // namespace tapedeck
