#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sqlite/sqlite.h"
#include "store/store.h"

namespace tapedeck {

// A Statement on one connection: prepares it, binds $1, $2, … by their numbers (SQLite itself
// numbers names by their first appearance) and keeps the texts of the values alive.
class StatementRunner {
public:
    // `rejected` where the SQL is wrong or asks for a value that is not there. `statement` must
    // outlive this object.
    static Result<StatementRunner> prepare(Database& database, const Statement& statement);

    bool reads_only() const { return sqlite3_stmt_readonly(query_.handle()) != 0; }

    // Gives each row to `sink` as it is read.
    Result<> stream(const RowSink& sink);
    // All rows at once, for when the connection is needed by others before the rows are.
    Result<std::vector<std::unique_ptr<RowView>>> collect();
    // Runs it for its effect; the number of rows changed.
    Result<std::int64_t> run(const Database& database);

private:
    StatementRunner(Query query, std::vector<std::string> texts)
        : query_(std::move(query)), texts_(std::move(texts)) {}

    Query query_;
    std::vector<std::string> texts_;  // of the decimals bound
};

}  // namespace tapedeck
