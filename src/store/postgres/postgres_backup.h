#pragma once

#include <functional>
#include <string>

#include "config/urls.h"
#include "store/store.h"

namespace tapedeck {

// Writes a dump in pg_dump's custom format to the new file `path`, by the pg_dump that stands in
// the PATH; pg_restore reads it. The password travels in the environment, never on the command
// line. The dump is made as `path` + ".part", synced, and gets its name at the very end.
// `rejected` where `path` exists, there is no pg_dump, or it refuses (a server newer than itself);
// `unavailable` where it could not reach the server. `progress` gets 0 to 100, never going back,
// by the tables that pg_dump tells of, of `tables`.
Result<> dump_database(const PostgresUrl& url, const std::string& path, int tables,
                       const std::function<void(int percent)>& progress);

// Brings such a dump into the database, all of it or nothing, by the pg_restore that stands in the
// PATH. `rejected` where the database already has a table of the dump's, `unavailable` as above.
Result<> restore_database(const PostgresUrl& url, const std::string& path);

}  // namespace tapedeck
