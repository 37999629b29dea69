#pragma once

#include <string>

#include "app/settings.h"
#include "base/result.h"

namespace tapedeck {

// `rejected` where `path` is, by whatever name, one of the files in which tapedeck keeps what it
// recorded, or belongs to one: output never takes the place of prices. Opens nothing.
Result<> check_output_path(const Settings& settings, const std::string& path);

}  // namespace tapedeck
