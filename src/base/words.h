#pragma once

#include <string_view>

namespace tapedeck {

// Whether `word` is one of `words`, which are parted by single blanks.
bool is_among(std::string_view words, std::string_view word);

}  // namespace tapedeck
