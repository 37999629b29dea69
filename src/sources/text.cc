#include "sources/text.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "sources/html_scan.h"

namespace tapedeck {
namespace {

constexpr char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
constexpr bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == '\v';
}

// The placeholder at the start of `text` ("{symbol:lower}"), and what it stands for.
std::size_t placeholder(std::string_view text, const Names& names, std::string* out) {
    const std::size_t close = text.find('}');
    if (close == std::string_view::npos || close > 24) return 0;
    std::string_view word = text.substr(1, close - 1);
    std::string_view change;
    if (const std::size_t colon = word.find(':'); colon != std::string_view::npos) {
        change = word.substr(colon + 1);
        word = word.substr(0, colon);
        if (change != "lower" && change != "upper") return 0;
    }
    if (word != "instrument" && word != "symbol") return 0;
    if (out != nullptr) {
        const std::string_view value = word == "symbol" ? names.symbol : names.instrument;
        if (change == "lower") {
            *out += lower_ascii(value);
        } else if (change == "upper") {
            *out += upper_ascii(value);
        } else {
            *out += value;
        }
    }
    return close + 1;
}

}  // namespace

bool equal_folded(std::string_view left, std::string_view right) {
    return left.size() == right.size() &&
           std::equal(left.begin(), left.end(), right.begin(),
                      [](char a, char b) { return lower_ascii(a) == lower_ascii(b); });
}

std::string upper_ascii(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), upper);
    return out;
}

std::string fold_space(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    bool space = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool no_break = text[i] == '\xC2' && i + 1 < text.size() && text[i + 1] == '\xA0';
        if (no_break || is_space(text[i])) {
            i += no_break ? 1 : 0;
            space = !out.empty();
            continue;
        }
        if (space) out += ' ';
        space = false;
        out += text[i];
    }
    return out;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

void append_utf8(std::string& out, unsigned long code) {
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
    const auto byte = [&](unsigned long value) { out += static_cast<char>(value); };
    if (code < 0x80) {
        byte(code);
    } else if (code < 0x800) {
        byte(0xC0 | (code >> 6));
        byte(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        byte(0xE0 | (code >> 12));
        byte(0x80 | ((code >> 6) & 0x3F));
        byte(0x80 | (code & 0x3F));
    } else {
        byte(0xF0 | (code >> 18));
        byte(0x80 | ((code >> 12) & 0x3F));
        byte(0x80 | ((code >> 6) & 0x3F));
        byte(0x80 | (code & 0x3F));
    }
}

std::string resolve_entities(std::string_view text) {
    using Named = std::pair<std::string_view, std::string_view>;
    static constexpr std::array kNamed{Named{"amp", "&"},  Named{"quot", "\""},
                                       Named{"lt", "<"},   Named{"gt", ">"},
                                       Named{"apos", "'"}, Named{"nbsp", "\xC2\xA0"}};
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::size_t semicolon = text[i] == '&' ? text.find(';', i) : std::string_view::npos;
        if (semicolon == std::string_view::npos || semicolon - i > 10) {
            out += text[i];
            continue;
        }
        const std::string_view name = text.substr(i + 1, semicolon - i - 1);
        if (name.size() > 1 && name[0] == '#') {
            const bool hex = name[1] == 'x' || name[1] == 'X';
            const std::string digits(name.substr(hex ? 2 : 1));
            char* end = nullptr;
            const unsigned long code = std::strtoul(digits.c_str(), &end, hex ? 16 : 10);
            if (!digits.empty() && *end == '\0') {
                append_utf8(out, code);
                i = semicolon;
                continue;
            }
        }
        const auto* found = std::ranges::find(kNamed, name, &Named::first);
        if (found == kNamed.end()) {
            out += text[i];
            continue;
        }
        out += found->second;
        i = semicolon;
    }
    return out;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += '%';
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        }
    }
    return out;
}

std::string fill_in(std::string_view text, const Names& names) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t used = text[i] == '{' ? placeholder(text.substr(i), names, &out) : 0;
        if (used == 0) out += text[i];
        i += used == 0 ? 1 : used;
    }
    return out;
}

std::string shortened(std::string_view text, std::size_t most) {
    if (text.size() <= most) return std::string(text);
    std::size_t end = most < 3 ? 0 : most - 3;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    return std::string(text.substr(0, end)) + "...";
}

bool has_placeholder(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '{' && placeholder(text.substr(i), {}, nullptr) != 0) return true;
    }
    return false;
}

}  // namespace tapedeck
