// parse_rfc3339 and parse_duration: what is read is written and read again as the same.

#include <cstdint>
#include <string_view>

#include "base/time.h"

using namespace tapedeck;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto time = parse_rfc3339(text)) {
        const auto again = parse_rfc3339(format_rfc3339(*time));
        TAPEDECK_ASSERT(again && *again == *time);
    }
    if (const auto duration = parse_duration(text)) {
        TAPEDECK_ASSERT(duration->count() >= 0);
        const auto again = parse_duration(format_duration(*duration));
        TAPEDECK_ASSERT(again && *again == *duration);
    }
    return 0;
}
