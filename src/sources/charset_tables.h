#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tapedeck {

// A run of gb18030's four-byte characters: from `pointer` on, code points from `code`.
struct Gb18030Run {
    std::uint32_t pointer;
    char32_t code;
};

struct SingleByteTable {
    std::string_view name;
    std::span<const char16_t, 128> upper;  // of 0x80 to 0xFF
};

// The indexes of the Encoding Standard (encoding.spec.whatwg.org, §5), by pointer; 0 where there is
// nothing. Generated at build time by cmake/charsets.py.
struct CharsetTables {
    std::span<const char16_t> jis0208, jis0212, euc_kr, gb18030;
    std::span<const char32_t> big5;
    std::span<const Gb18030Run> runs;
    std::span<const SingleByteTable> singles;
};
const CharsetTables& charset_tables();

}  // namespace tapedeck
