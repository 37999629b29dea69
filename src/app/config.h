#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/settings.h"
#include "app/settings_layers.h"
#include "base/result.h"

namespace tapedeck {

// What the command line and the environment say of the configuration.
struct ConfigOptions {
    std::optional<std::string> file;         // --config
    std::optional<std::string> environment;  // $TAPEDECK_CONFIG; empty is unset
    std::vector<std::string> sets;           // --set, in their order: the last one wins
    std::string folder;                      // where tapedeck.toml is looked for; empty: here
};

// A configuration that may be used.
struct LoadedConfig {
    Settings settings;
    Origins origins;
    std::string file;       // the user's file that was read; empty: none
    std::string effective;  // effective_toml: secrets masked, one order
    std::string digest;     // SHA-256 of `effective`, in hex
    std::vector<std::string> notes;
};

// What `config check` tells.
struct ConfigReport {
    std::string file;  // empty: none
    std::vector<std::string> faults;
    std::vector<std::string> notes;
};

// The file that the options name: --config, else $TAPEDECK_CONFIG, else ./tapedeck.toml, which
// alone may be missing; then the result is empty.
Result<std::string> config_file(const ConfigOptions& options);

// Lays file and --set upon what is built in, and judges it all. `rejected` with every fault, a
// line each, and where the file cannot be read.
Result<LoadedConfig> load_config(const ConfigOptions& options);

// The same with `text` in place of the file's own: whether an edit may be written.
Result<LoadedConfig> load_config_text(const ConfigOptions& options, std::string_view text,
                                      const std::string& file);

// `load_config` as an answer and not as a condition. An error only where the file cannot be read.
Result<ConfigReport> check_config(const ConfigOptions& options);

// Names of the shipped sources and of the files in `folder` ("" is none): sources are named as
// their files are. `rejected` where there is no such folder.
Result<std::vector<std::string>> known_sources(const std::string& folder);

// A file's bytes. `rejected` where it cannot be read, which a person must mend, or above 16 MiB.
Result<std::string> read_text_file(const std::string& path);

}  // namespace tapedeck
