// Source files as people write them: read, or refused with the file's name and a line.

#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "sources/source.h"

using namespace tapedeck;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto source = parse_source(text, "fuzz.toml");
    if (!source) {
        TAPEDECK_ASSERT(source.error().what.starts_with("fuzz.toml:"));
        return 0;
    }
    TAPEDECK_ASSERT(!source->name.empty() && source->rules != nullptr);
    const std::vector<std::string> instruments{"bitcoin", "^GSPC"};
    TAPEDECK_ASSERT(!plan_requests(*source, instruments, {}).empty());
    Page page;
    page.body = "<html><title>X (bitcoin)</title><b class=p>1.5</b><script id=a>{\"p\":1}</script>";
    (void)PageReader(*source, page).read_every_rule("bitcoin");
    return 0;
}
