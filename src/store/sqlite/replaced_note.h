#pragma once

#include <string>

#include "base/time.h"
#include "sqlite/sqlite.h"

namespace tapedeck {

// That a database was deleted, moved or replaced under its recorder, from when the recorder began
// until it noticed: what it recorded in that time is in the file as it was, and not in the one that
// took its place.
struct Replaced {
    Timestamp since;
    Timestamp noticed_at;
    std::string what;     // which file, and what became of it
    std::string rescued;  // the copy of what had been recorded; empty: there is none
};

// Keeps it in the file PATH-replaced, for the next recorder at `path`.
Result<> keep_replaced_note(const std::string& path, const Replaced& replaced);

// Brings the file's notes into the table `replacements`, in a transaction of its own, and deletes
// it; nothing where there is none.
Result<> take_replaced_notes(Database& database);

}  // namespace tapedeck
