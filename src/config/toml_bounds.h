#pragma once

#include <string_view>

#include "base/result.h"

namespace tapedeck {

// Whether a text stays within what any of our files needs: 32 parts in a key, 32 lists and tables
// within one another, a million values. Beyond that a reader that calls itself for each level would
// end with its stack, and a file of commas alone would take all memory. `malformed` names the
// line. Looks at nothing else: the text need not be TOML.
Result<> check_toml_bounds(std::string_view text, std::string_view file);

}  // namespace tapedeck
