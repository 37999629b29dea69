#pragma once

#include <string>
#include <string_view>

namespace tapedeck {

constexpr char lower_ascii(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// `text` with the letters A to Z made small. Other bytes stay, those of UTF-8 included, and no
// locale has a say.
inline std::string lower_ascii(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) c = lower_ascii(c);
    return lower;
}

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What a hexadecimal digit counts, 0 to 15; -1 for any other byte.
constexpr int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace tapedeck
