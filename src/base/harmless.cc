#include "base/harmless.h"

#include <algorithm>

#include "base/utf8.h"

namespace tapedeck {
namespace {

// The code point of a sequence that utf8_length has measured.
unsigned code_point(std::string_view sequence) {
    const auto first = static_cast<unsigned char>(sequence.front());
    if (sequence.size() == 1) return first;
    unsigned code = first & (0xFFU >> (sequence.size() + 1));
    for (const char c : sequence.substr(1)) code = code << 6U | (static_cast<unsigned>(c) & 0x3FU);
    return code;
}

bool is_obeyed(unsigned code) {
    if (code < 0x20) return code != '\n' && code != '\t';
    if (code >= 0x7F && code <= 0x9F) return true;
    const bool direction = code == 0x061C || code == 0x200E || code == 0x200F ||
                           (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
    return direction || code == 0x2028 || code == 0x2029;  // line ends of some
}

void append_code(std::string& out, unsigned code) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out += "\\u";
    for (unsigned shift = 16; shift > 0; shift -= 4) out += kHex[code >> (shift - 4) & 15U];
}

}  // namespace

std::string harmless(std::string_view text) {
    const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= ' ' && c < 0x7F) || c == '\n' || c == '\t';
    });
    if (is_plain) return std::string(text);
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text.substr(at, 4));
        if (length == 0) {
            out += "\xEF\xBF\xBD";
            ++at;
            continue;
        }
        const std::string_view sequence = text.substr(at, length);
        const unsigned code = code_point(sequence);
        if (is_obeyed(code)) {
            append_code(out, code);
        } else {
            out += sequence;
        }
        at += length;
    }
    return out;
}

}  // namespace tapedeck
