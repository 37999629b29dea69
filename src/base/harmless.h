#pragma once

#include <string>
#include <string_view>

namespace tapedeck {

// `text` as a terminal, a line of a log and a table may show it: what comes from outside must not
// move the cursor, set a title, fill the clipboard or turn round what stands beside it. Control
// characters (ESC, BEL, DEL, C1 and all others but line end and tab) and marks of direction are
// shown as "\u001b", which within JSON is the same text still; bytes that are no UTF-8 are U+FFFD.
std::string harmless(std::string_view text);

}  // namespace tapedeck
