#pragma once

#include <string>
#include <vector>

#include "app/settings.h"
#include "base/result.h"

namespace tapedeck {

// What a function is told of the configuration, in the environment's TAPEDECK_SETTINGS.
struct FunctionSettings {
    std::string toml;  // what differs from what is built in, and concerns collecting
    std::vector<std::string> secrets;  // names of variables that hold the secrets it needs
};

// `rejected` where something would not reach a function: a file of this machine, a secret that
// stands in the configuration itself, or more than AWS's 4 KB of variables.
Result<FunctionSettings> function_settings(const Settings& settings);

}  // namespace tapedeck
