#pragma once

#include <functional>
#include <string>

#include "sqlite/sqlite.h"

namespace tapedeck {

// Copies the database as it stands at the call to the new file `path`, while others go on writing.
// The copy is made under the name `path` + ".part", checked, synced, and gets its name at the very
// end. `rejected` where `path` exists. `progress` gets 0 to 100, never going back.
Result<> back_up(Database& source, const std::string& path,
                 const std::function<void(int percent)>& progress);

// The same of a file of tapedeck's that others may have open and write to.
Result<> back_up_file(const std::string& source, const std::string& path,
                      const std::function<void(int percent)>& progress);

}  // namespace tapedeck
