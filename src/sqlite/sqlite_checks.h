#pragma once

#include <string>
#include <string_view>

#include "sqlite/sqlite_file.h"

namespace tapedeck {

// What is looked at before a file is written or read, so that nothing foreign or damaged is
// touched.

// `rejected` where something other than a file has the name, `corrupt` where the file is missing
// and its WAL is not.
Result<> check_regular(const std::string& path);

struct FileForm {
    bool empty = false;
    bool wal = false;  // commits go to a WAL: sqlite.org/wal.html
};
// Looks at the first bytes through SQLite's own descriptor, which it has opened but neither locked
// nor read: what is no database of ours is not touched at all. A descriptor of our own would not
// do: when it is closed, every lock that this process holds on the file goes with it, and the next
// program that looks at the file takes itself for its only user (sqlite.org/howtocorrupt.html,
// section 2.2). Header fields: sqlite.org/fileformat2.html, section 1.3.
Result<FileForm> inspect(Database& database);

// 0 where the file has nothing of the part.
Result<int> version_of(Database& database, std::string_view part);

// Refuses what is not ours, not whole or too new; changes nothing.
Result<> check_ours(Database& database, const SchemaPart& part);

}  // namespace tapedeck
