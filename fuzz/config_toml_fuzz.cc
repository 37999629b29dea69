#include <cstdint>
#include <string_view>

#include "app/config_edit.h"
#include "app/settings_layers.h"
#include "app/settings_text.h"
#include "base/assert.h"
#include "config/values.h"

// Any bytes as a configuration file: read or refused, never anything else. What is read is written
// as it reads back, and an edit of it says what was meant or is refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tapedeck;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    auto document = parse_toml(text, "f.toml");
    if (!document) return 0;
    std::vector<ConfigLayer> layers = built_in_layers();
    layers.push_back({"f.toml", *std::move(document)});
    const ReadConfig config = read_layers(layers, ConfigChecks{});
    for (const ConfigFault& fault : config.faults) TAPEDECK_ASSERT(!to_string(fault).empty());
    const std::string effective = effective_toml(config.settings);
    if (const auto back = parse_effective(effective)) {
        TAPEDECK_ASSERT(effective_toml(*back) == effective);
    }
    const TomlChange change{{"feed", "coin"}, "instruments", "[\"bitcoin\", \"new\"]"};
    if (const auto changed = change_toml(text, "f.toml", {&change, 1})) {
        const auto again = change_toml(*changed, "f.toml", {&change, 1});
        TAPEDECK_ASSERT(again.has_value() && *again == *changed);
    }
    return 0;
}
