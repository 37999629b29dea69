#pragma once

#include <string>

namespace tapedeck {

// "host:process id": who commits, where nothing else is configured.
std::string loader_name();

}  // namespace tapedeck
