#include "app/load_globals.h"

#include <filesystem>

#include "app/demo.h"

namespace tapedeck {

Result<LoadedConfig> load_globals(const Globals& globals) {
    const auto& file = globals.config.file;
    if (file == "demo" && !std::filesystem::exists("demo")) return demo_config(globals.config);
    return load_config(globals.config);
}

Exit fail_opening(const Error& error) {
    if (error.what.starts_with("there is no ")) return fail(Exit::not_found, error.what);
    return fail(error);
}

}  // namespace tapedeck
