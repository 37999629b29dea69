#include "app/load_globals.h"

#include <filesystem>

#include "app/demo.h"

namespace tapedeck {

Result<LoadedConfig> load_globals(const Globals& globals) {
    const auto& file = globals.config.file;
    if (file == "demo" && !std::filesystem::exists("demo")) return demo_config(globals.config);
    return load_config(globals.config);
}

}  // namespace tapedeck
