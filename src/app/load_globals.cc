#include "app/load_globals.h"

#include <filesystem>

#include "app/core_dumps.h"
#include "app/demo.h"
#include "app/learn_secrets.h"

namespace tapedeck {

Result<LoadedConfig> load_globals(const Globals& globals) {
    const auto& file = globals.config.file;
    const bool demo = file == "demo" && !std::filesystem::exists("demo");
    auto config = demo ? demo_config(globals.config) : load_config(globals.config);
    if (config) learn_secrets(config->settings);
    if (config && config->settings.log.core_dumps) allow_core_dumps();
    return config;
}

Exit fail_opening(const Error& error) {
    if (error.what.starts_with("there is no ")) return fail(Exit::not_found, error.what);
    return fail(error);
}

}  // namespace tapedeck
