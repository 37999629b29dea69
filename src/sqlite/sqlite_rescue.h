#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "sqlite/sqlite.h"

namespace tapedeck {

// What an open connection still reaches of a file that was deleted, moved or replaced under it.
struct Rescued {
    std::string path;  // of the copy; empty: none could be made
    std::string what;  // what became of the file, or why there is no copy
};

// Nothing where the database's files are what they were. Else a copy of all that was committed
// through this connection: "PATH.rescued-20261130T070102Z" beside the file, or in the folder for
// temporary files where that one is gone. Neither the file that took the place nor its WAL is
// touched. Not within a transaction.
std::optional<Rescued> rescue_if_replaced(Database& database, Timestamp now);

}  // namespace tapedeck
