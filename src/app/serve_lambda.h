#pragma once

#include <stop_token>
#include <string>

#include "app/config.h"

namespace tapedeck {

// The configuration of a function: its environment's TAPEDECK_SETTINGS (TOML), else as everywhere.
Result<LoadedConfig> function_config(const ConfigOptions& options);

// Serves calls of AWS Lambda's runtime interface at `host` until `stop`: opens what a call needs
// when the first one comes. What keeps it from taking calls is told to the interface, too.
Result<> serve_lambda(const Result<LoadedConfig>& config, const std::string& host,
                      std::stop_token stop);

}  // namespace tapedeck
