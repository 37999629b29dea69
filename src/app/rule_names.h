#pragma once

#include <string>
#include <vector>

#include "sources/source.h"

namespace tapedeck {

// The rules of a source in the order in which they are tried.
std::vector<std::string> rule_names(const Source& source);

}  // namespace tapedeck
