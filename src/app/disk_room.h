#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/settings.h"

namespace tapedeck {

// What is free for this user on the disk of a folder, in bytes; none where nobody can tell.
std::optional<std::int64_t> free_in(const std::string& folder);
// The same of the folder of `path`, a file that may be still to be made; 0 where nobody can tell.
std::int64_t free_on_disk_of(const std::string& path);

// A disk with less than this takes no commit of a recorder's: its statements and the pages that
// they touch.
inline constexpr std::int64_t kLeastRoom = 64 * 1024;

// The file of those that a recorder must write (store, tape, journal) whose disk has no room for
// more; none where all have. Of this machine: a server's disk is not asked.
std::optional<std::string> file_without_room(const Settings& settings);

}  // namespace tapedeck
