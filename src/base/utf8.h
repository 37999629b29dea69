#pragma once

#include <cstddef>
#include <string_view>

namespace tapedeck {

// Length of the UTF-8 sequence at the front of `text` (Unicode 15, table 3-7: no surrogates, no
// overlong forms); 0 where it is none, or `text` is empty.
std::size_t utf8_length(std::string_view text);

}  // namespace tapedeck
