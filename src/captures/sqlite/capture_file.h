#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace tapedeck {

// What is done by name about the file of the captures, so that no price hangs on it. Nothing is
// ever deleted here that holds a byte.

// Notes in PATH-pair, by their inodes, that the file at `path` and the WAL beside it belong
// together. SQLite knows a WAL by its name alone.
void note_pair(const std::string& path);

// Whether the WAL beside `path` belongs, by the note, to another file than the one that is there
// (or to one that was moved away): opened together, the two would be damaged.
bool has_foreign_wal(const std::string& path);

// Takes such a WAL away. It is kept as "PATH.left-20261130T070102Z-wal" where it holds anything.
// Before the file is opened only.
Result<> part_from_foreign_wal(const std::string& path, Timestamp now);

// Moves the file and what is beside it out of the way, as they are: the new name, which is
// "PATH.damaged-20261130T070102Z" or, where that is taken, has a number more.
Result<std::string> set_aside(const std::string& path, Timestamp now);

// The files that were set aside so far, by name.
std::vector<std::string> files_set_aside(const std::string& path);

}  // namespace tapedeck
