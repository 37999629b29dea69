#pragma once

#include <string>

#include "sqlite/sqlite_file.h"
#include "store/store.h"

namespace tapedeck {

// The tables of the embedded store, docs/formats/tables.md; tables of prices are made by name, on
// top of these.
SchemaPart store_part();

// Makes the table, its key and its view where they are missing; `rejected` where something else
// has one of the names. Within the caller's transaction.
Result<> make_price_table(Database& database, const PriceTable& table);

// Inserts one row; nothing where its key is there. Parameters: 1 instrument, 2 name, 3 price,
// 4 previous_close, 5 date, 6 slot, 7 source, 8 revision, 9 capture, 10 currency, 11 recorded_at
// (the coin form has no 2 and no 4: its coin is the instrument).
std::string insert_sql(const PriceTable& table);

}  // namespace tapedeck
