#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tapedeck {

// The one of `known` that `word` was probably meant to be: at most one typing slip (a letter left
// out, added, changed, or two swapped) for every three letters, at least two allowed. Nothing
// where none is that near.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> known);

// "; did you mean instruments?", or "" where nothing is near: the end of a message.
std::string did_you_mean(std::string_view word, std::span<const std::string> known);

}  // namespace tapedeck
