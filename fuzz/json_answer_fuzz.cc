// JSON answers, read by the shipped sources of JSON; and the JSON tree itself, held against
// simdjson's other parser: what that one reads, this one reads.

#include <simdjson.h>

#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "sources/json_tree.h"
#include "sources/source.h"

using namespace tapedeck;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Sources kSources = load_sources("").value_or({});
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto tree = JsonTree::parse(text);
    simdjson::dom::parser parser;
    const bool is_json =
        !text.empty() && parser.parse(text.data(), text.size()).error() == simdjson::SUCCESS;
    if (is_json) TAPEDECK_ASSERT(tree);
    if (tree) {
        TAPEDECK_ASSERT((**tree)[0].end > 0);
        (void)(*tree)->find(0, *JsonPath::parse("/**/price"), 100, {});
    }
    (void)json_extent(text);
    (void)escaped_offset(text, size / 2);
    for (const auto& [name, source] : kSources) {
        if (name == "coinmarketcap" || name == "coinmarketcap-list") continue;  // pages alone
        Page page;
        page.body = text;
        const auto result = PageReader(*source, page).read("bitcoin");
        if (const auto* reading = std::get_if<Reading>(&result)) {
            TAPEDECK_ASSERT(reading->price.is_positive());
            TAPEDECK_ASSERT(reading->evidence_at + reading->evidence_size <= size);
        }
    }
    return 0;
}
