#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/postgres/postgres_connection.h"
#include "store/store.h"

namespace tapedeck {

// Makes tapedeck's own tables in the first schema of the search path where they are missing, and
// brings older ones up to date, docs/formats/tables.md: the columns of the SQLite store with
// bigint, text, timestamptz, numeric and bytea. Whoever comes first holds an advisory lock
// meanwhile. `rejected` where they are of a newer version. Nothing is asked for but to read where
// they are up to date, so a role without the right to create will do.
Result<> make_schema(PostgresConnection& connection, Timestamp now);

// What a name of a table of prices stands for.
struct FoundTable {
    enum class Kind { missing, original, ours };
    Kind kind = Kind::missing;
    bool whole = false;                 // ours, with its key, its index and its views
    bool wide_types = false;            // id bigint and date timestamptz: nothing to convert
    std::int64_t bytes = 0;             // of the table with its indexes
    std::vector<std::string> problems;  // why it cannot be used as it is; empty where it can
};
Result<FoundTable> find_table(PostgresConnection& connection, const PriceTable& table);

// How a table of the original is taken over.
struct TakeOver {
    bool keep_types = false;   // serial, timestamp and primary key stay
    std::string zone = "UTC";  // that its timestamps are in
};

// In people's words, what `make_price_table` would do to a table of the original.
std::string migration_sentence(const PriceTable& table, const FoundTable& found,
                               const TakeOver& how);

// Makes the table, its key, its BRIN index and its views where they are missing, or adds to a
// table of the original what it lacks, its rows kept; in one transaction, under the advisory lock.
// `say` gets the sentence of a migration before it begins.
Result<> make_price_table(PostgresConnection& connection, const PriceTable& table,
                          const TakeOver& how, const std::function<void(const std::string&)>& say);

}  // namespace tapedeck
