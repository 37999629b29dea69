#include <cstdint>
#include <string_view>

#include "app/variables.h"
#include "base/assert.h"

// Any bytes as a file of variables: read or refused; what is read makes TOML that can be written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tapedeck;
    const std::string_view json(reinterpret_cast<const char*>(data), size);
    const auto read = read_variables(json, "v.json");
    if (!read) {
        TAPEDECK_ASSERT(!read.error().what.empty());
        return 0;
    }
    const auto text = change_toml("", "tapedeck.toml", read->changes);
    TAPEDECK_ASSERT(text.has_value());
    TAPEDECK_ASSERT(parse_toml(read->suggestion, "suggestion").has_value());
    return 0;
}
