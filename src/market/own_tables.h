#pragma once

#include <string_view>

namespace tapedeck {

// Whether the store, or a tape or captures in its file, have something of that name themselves: a
// table, an index, a view. No table of prices may be called so.
bool is_own_table(std::string_view name);

}  // namespace tapedeck
