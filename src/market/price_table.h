#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "market/record.h"

namespace tapedeck {

// A table of prices: its name as configured and its form.
struct PriceTable {
    std::string name;
    RecordForm form;
    friend bool operator==(const PriceTable&, const PriceTable&) = default;
};

// What a name must be to be that of a table of prices in every store ("a table's name of …"); empty
// where `name` is one: 1 to 50 of [a-z0-9_], a letter first, no word of SQL and none of a
// database's own. Names of our own tables are refused when the table is made.
std::string table_name_fault(std::string_view name);

// `rejected` with that fault.
Result<> check_table_name(const std::string& name);

// "coin_records" has the views "coin_prices" and, in PostgreSQL, "coin_latest"; a name without
// "_records" gets the endings appended.
std::string view_of(const std::string& table);
std::string latest_view_of(const std::string& table);

// Its indexes: of what a price's key is, of its times (in PostgreSQL), and of the rows of other
// programs.
struct IndexNames {
    std::string key;
    std::string times;
    std::string others;
};
IndexNames indexes_of(const std::string& table);

}  // namespace tapedeck
