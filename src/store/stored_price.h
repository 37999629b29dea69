#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "market/record.h"
#include "store/store.h"

namespace tapedeck {

// A price as it stands in a table that other programs write into: it may be NULL, PostgreSQL's NaN,
// or have more digits than a Decimal.
struct StoredPrice {
    std::string text;             // every digit, or whatever stands there; empty: NULL
    std::optional<Price> number;  // none: nothing that can be reckoned with
    friend bool operator==(const StoredPrice&, const StoredPrice&) = default;
};

// The column of a query that `stored_price` reads.
std::string stored_price_column(std::string_view name);

StoredPrice stored_price(const RowView& row, int column);

// For people: the digits, or "NULL".
std::string shown_price(const StoredPrice& price);

}  // namespace tapedeck
