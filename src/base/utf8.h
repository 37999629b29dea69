#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tapedeck {

// Length of the UTF-8 sequence at the front of `text` (Unicode 15, table 3-7: no surrogates, no
// overlong forms); 0 where it is none, or `text` is empty.
std::size_t utf8_length(std::string_view text);

// The first `most` bytes at most, whole letters, with "…" where there were more. What is no UTF-8
// may be cut anywhere.
std::string cut_to(std::string_view text, std::size_t most);

}  // namespace tapedeck
