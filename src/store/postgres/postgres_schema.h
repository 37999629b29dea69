#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/postgres/postgres_connection.h"
#include "store/store.h"

namespace tapedeck {

// Makes tapedeck's own tables in the first schema of the search path where they are missing, and
// brings older ones up to date, docs/formats/tables.md: the columns of the SQLite store with
// bigint, text, timestamptz, numeric and bytea. Whoever comes first holds an advisory lock
// meanwhile. `rejected` where they are of a newer version, or were to be made in a database that is
// not in UTF8. Nothing is asked for but to read where
// they are up to date, so a role without the right to create will do.
Result<> make_schema(PostgresConnection& connection, Timestamp now);

// The version of tapedeck's own tables, 0 where there are none; `rejected` where it is newer than
// this program.
Result<std::int64_t> find_schema(PostgresConnection& connection);

// What a name of a table of prices stands for.
struct FoundTable {
    enum class Kind { missing, original, ours };
    Kind kind = Kind::missing;
    bool whole = false;                 // ours, with its key, its index and its views
    bool wide_types = false;            // id bigint and date timestamptz: nothing to convert
    bool zoneless = false;              // date is a timestamp without a zone
    bool has_view = false;              // of one price a slot and instrument
    bool has_latest = false;            // the view of the newest prices
    std::int64_t bytes = 0;             // of the table with its indexes
    std::string address;                // with its schema, in quotes; empty where it is missing
    std::vector<std::string> columns;   // that are there
    std::vector<std::string> problems;  // why it cannot be used as it is; empty where it can
};
Result<FoundTable> find_table(PostgresConnection& connection, const PriceTable& table);

// How a table of the original is taken over.
struct TakeOver {
    bool keep_types = false;   // serial, timestamp and primary key stay
    std::string zone = "UTC";  // that its timestamps are in
};

// In people's words, what `make_price_table` would do to a table that is there.
std::string migration_sentence(const PriceTable& table, const FoundTable& found,
                               const TakeOver& how);

// Makes the table, its key, its BRIN index and its views where they are missing, or adds to a
// table of the original what it lacks, its rows kept; in one transaction, under the advisory lock.
// `say` gets the sentence of a migration before it begins.
Result<> make_price_table(PostgresConnection& connection, const PriceTable& table,
                          const TakeOver& how, const std::function<void(const std::string&)>& say);

// `rejected`, with what is wrong, where the table cannot be one of prices.
Result<> check_found(const PostgresConnection& connection, const PriceTable& table,
                     const FoundTable& found);

// Makes what is not there yet, within the caller's transaction, and leaves what is there as it is.
Result<> make_missing(PostgresConnection& connection, std::span<const PriceTable> tables,
                      Timestamp now);

}  // namespace tapedeck
