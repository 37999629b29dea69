// Any bytes in any character set: the first byte chooses it, the others are a page.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "base/utf8.h"
#include "sources/charset.h"

namespace {

constexpr std::array<std::string_view, 14> kLabels{
    "windows-1252", "koi8-r", "windows-874", "gb18030",  "big5",    "euc-jp",         "iso-2022-jp",
    "shift_jis",    "euc-kr", "utf-16le",    "utf-16be", "logical", "x-user-defined", "macintosh"};

}  // namespace

// What comes out is UTF-8, and each byte of it came from within the page, in order.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tapedeck;
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    static_cast<void>(charset_of(bytes, bytes, true));
    if (bytes.empty()) return 0;
    const auto charset = Charset::labelled(kLabels[data[0] % kLabels.size()]);
    bytes.remove_prefix(1);
    const std::string text = charset->to_utf8(bytes);
    for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(utf8_length(rest))) {
        TAPEDECK_ASSERT(utf8_length(rest) > 0);
    }
    std::size_t before = 0;
    const std::size_t step = text.size() / 16 + 1;
    for (std::size_t at = 0; at < text.size(); at += step) {
        const std::size_t from = charset->source_of(bytes, at);
        TAPEDECK_ASSERT(from >= before && from < bytes.size());
        before = from;
    }
    TAPEDECK_ASSERT(charset->source_of(bytes, text.size()) == bytes.size());
    return 0;
}
