#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/settings.h"
#include "base/result.h"
#include "config/layers.h"
#include "config/read_fields.h"

namespace tapedeck {

// What is asked of files. One that is not set finds everything fine.
struct ConfigChecks {
    // Names of all sources but those of [source.NAME]; `folder` is the user's own, or empty.
    std::function<Result<std::vector<std::string>>(const std::string& folder)> sources;
    std::function<Result<std::string>(const std::string& file)> calendar_file;
};

// Settings made of layers. With `faults` the settings must not be used.
struct ReadConfig {
    Settings settings;
    Origins origins;
    std::vector<ConfigFault> faults;  // in the order of layers and lines
    std::vector<std::string> notes;   // what is allowed and yet probably not meant
};

// Reads layers one upon the other, the lowest first: a later one changes the keys that it has, and
// no others; a list is replaced whole. A configuration with a feed of its own name has the built-in
// feeds that it names and no others, and a note tells so. Then judges what needs several keys.
ReadConfig read_layers(std::span<const ConfigLayer> layers, const ConfigChecks& checks);

// The lowest layers: the two feeds, then the shipped files of dags/.
std::vector<ConfigLayer> built_in_layers();

// Settings of a text that `effective_toml` wrote, for looking at a configuration of the past:
// nothing is laid under it and nothing outside of it is asked. Secrets are gone. `corrupt`.
Result<Settings> parse_effective(std::string_view text);

}  // namespace tapedeck
