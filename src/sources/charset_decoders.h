#pragma once

#include <functional>
#include <string_view>

namespace tapedeck {

// How the bytes of a character set become code points: the decoders of the Encoding Standard.
enum class Decoding {
    utf8,
    single_byte,
    gb18030,
    big5,
    euc_jp,
    iso_2022_jp,
    shift_jis,
    euc_kr,
    utf16be,
    utf16le,
    user_defined,
    replacement
};

// Is given each code point with where its bytes begin; false ends the decoding.
using CodePoints = std::function<bool(std::size_t begin, char32_t code)>;

// Decodes all of `bytes`; U+FFFD for what is nothing in the set. `name` chooses the table of a
// single-byte set. Not for utf8 and replacement.
void decode(Decoding decoding, std::string_view name, std::string_view bytes,
            const CodePoints& take);

}  // namespace tapedeck
