#pragma once

#include <span>
#include <string>
#include <string_view>

#include "store/store.h"

namespace tapedeck {

// The SQL that makes tapedeck's tables in PostgreSQL, docs/formats/tables.md.

// `steps[i]` leads from version i to i + 1 of the store's own tables.
std::span<const std::string_view> schema_steps();

// What a table of prices has beside the original's columns, as "name type"; all nullable, for
// older writers.
std::span<const std::string_view> added_columns();

std::string table_sql(const PriceTable& table);
// The unique key and the BRIN index, where they are missing.
std::string indexes_sql(const std::string& table);
// What the views show: one price a slot and instrument, and the newest price of each instrument.
std::string prices_query(const PriceTable& table);
std::string latest_query(const PriceTable& table);
// The views of one price a slot and instrument, and of the newest price of each instrument.
std::string views_sql(const PriceTable& table);

}  // namespace tapedeck
