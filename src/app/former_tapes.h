#pragma once

#include <stop_token>

#include "app/assembly.h"

namespace tapedeck {

// How the store names the configured tape to people: its URL without secrets, a file by its whole
// path.
std::string place_of_tape(const Settings& settings);

// Loads what tapes that the store was loaded from before still hold, where they are files, and
// tells of a change of tapes. For who holds the lease, before it loads the configured one. Nothing
// is lost where this fails or cannot be done, as each tape has its own entries in the ledger: the
// former one may be configured again at any time, for `tapedeck load --until-end`.
// `give_up_after`: as LoaderOptions has it.
Result<> load_former_tapes(Assembly& assembly, std::stop_token stop, int give_up_after);

}  // namespace tapedeck
