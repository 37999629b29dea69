#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/postgres/postgres_connection.h"
#include "store/store.h"

namespace tapedeck {

// A table as the statements of `schema_steps` make it.
struct OwnTable {
    struct Column {
        std::string name;
        std::string type;
        std::string collation;  // in quotes; empty: the database's
        std::string initial;    // SQL: what older rows have in it
    };
    std::string name;
    std::vector<Column> columns;
};
std::vector<OwnTable> own_tables();

// Shows a database that an older program made, or the original, in the shape that this program
// reads, and changes nothing in it: a statement gets in front of it, as queries of its own (WITH),
// what it names and the database lacks. So it needs no right, no room and no primary server.
//
// It is of the moment at which the database was looked at. Of a table of the original's that is
// taken over in between, a statement fails (undefined_function, 42883) and is not answered wrongly.
class PostgresLens {
public:
    // What the tables of tapedeck's own lack that are there.
    static Result<PostgresLens> of_own_tables(PostgresConnection& connection);

    // Adds what a table of prices lacks, and its views, whether the table is there or not;
    // `rejected` where something else has its name. `zone`: that the original's times are in.
    Result<> look_at(PostgresConnection& connection, const PriceTable& table,
                     const std::string& zone);

    bool empty() const { return stand_ins_.empty(); }

    // The statement, reading what stands in for what it names.
    std::string before(std::string_view sql) const;

private:
    struct StandIn {
        std::string name;
        std::string query;  // of tables that are there, or of those before it
    };
    std::vector<StandIn> stand_ins_;
};

}  // namespace tapedeck
