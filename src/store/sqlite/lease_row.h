#pragma once

#include <string>

#include "base/time.h"
#include "sqlite/sqlite.h"

namespace tapedeck {

// The holder of an embedded store's lease, named in the database too (table `leases`): the file
// beside it can be deleted, and then its lock keeps nobody away.

// Names this process, within the caller's transaction. `conflict` where the row names a process
// that is alive: its machine has not started anew since, and the process with its number started
// when it did. A row that came here with a copy of the database does not count.
Result<> take_lease_row(Database& database, const std::string& holder, Timestamp now);

// Takes this process's name out again.
Result<> drop_lease_row(Database& database);

}  // namespace tapedeck
