#pragma once

#include <span>
#include <string>
#include <variant>

#include "sources/source.h"

namespace tapedeck {

// Which of a page's readings of one price counts: they are in the order of the rules, and the first
// that can be trusted wins. Gives its index, or the words in which the page contradicts itself.
//
// - A price shown with fewer digits than another reading has is no price where that costs it more
//   than a thousandth: 0.01 beside 0.0073412, of a row that a script has yet to fill.
// - Readings more than a tenth apart are not of one quantity, whatever moments they are of, and a
//   reading wins against such another only where more agree with it than contradict it. Those in
//   different currencies, or dated more than an hour apart, are not held against one another.
std::variant<std::size_t, std::string> trusted_reading(std::span<const Reading> readings);

}  // namespace tapedeck
