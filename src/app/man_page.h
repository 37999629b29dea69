#pragma once

#include <string>

#include "app/command_words.h"

namespace tapedeck {

// The manual page tapedeck(1) of this version, as troff's man macros have it.
std::string man_page(const std::string& version, const CommandWords& words);

}  // namespace tapedeck
