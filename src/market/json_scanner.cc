#include "market/json_scanner.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace tapedeck {
namespace {

constexpr int kDeepest = 64;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr std::uint64_t every_byte(unsigned char byte) { return 0x0101010101010101U * byte; }

// The high bit of each byte of `word` that is below `limit` (at most 128); right up to and with
// the first such byte, which is all that is looked at.
constexpr std::uint64_t below(std::uint64_t word, unsigned char limit) {
    return (word - every_byte(limit)) & ~word & every_byte(0x80);
}

void append_utf8(std::string& out, unsigned code) {
    const auto put = [&out](unsigned byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0U | code >> 6U);
        put(0x80U | (code & 0x3FU));
    } else if (code < 0x10000) {
        put(0xE0U | code >> 12U);
        put(0x80U | (code >> 6U & 0x3FU));
        put(0x80U | (code & 0x3FU));
    } else {
        put(0xF0U | code >> 18U);
        put(0x80U | (code >> 12U & 0x3FU));
        put(0x80U | (code >> 6U & 0x3FU));
        put(0x80U | (code & 0x3FU));
    }
}

}  // namespace

char JsonScanner::peek() {
    while (at_ < text_.size()) {
        const char c = text_[at_];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return c;
        ++at_;
    }
    return '\0';
}

bool JsonScanner::take(char expected) {
    if (peek() != expected || at_ == text_.size()) return false;
    ++at_;
    return true;
}

// Moves to the next quote, backslash or control character, or to the end.
void JsonScanner::find_end_of_plain() {
    if constexpr (std::endian::native == std::endian::little) {
        while (text_.size() - at_ >= 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, text_.data() + at_, 8);
            const std::uint64_t found = below(word, 0x20) | below(word ^ every_byte('"'), 1) |
                                        below(word ^ every_byte('\\'), 1);
            if (found != 0) {
                at_ += static_cast<std::size_t>(std::countr_zero(found)) / 8;
                return;
            }
            at_ += 8;
        }
    }
    for (; at_ < text_.size(); ++at_) {
        const char c = text_[at_];
        if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20) return;
    }
}

bool JsonScanner::string(String& out) {
    if (!take('"')) return false;
    const std::size_t begin = at_;
    find_end_of_plain();
    if (at_ == text_.size()) return false;
    if (text_[at_] == '"') {
        out = {text_.substr(begin, at_ - begin), false};
        ++at_;
        return true;
    }
    if (!unescape(begin)) return false;
    out = {unescaped_, true};
    return true;
}

bool JsonScanner::unescape(std::size_t begin) {
    unescaped_.assign(text_, begin, at_ - begin);
    while (at_ < text_.size()) {
        const char c = text_[at_++];
        if (c == '"') return true;
        if (c != '\\' || !escape_sequence()) return false;
        const std::size_t plain = at_;
        find_end_of_plain();
        unescaped_.append(text_, plain, at_ - plain);
    }
    return false;
}

bool JsonScanner::escape_sequence() {
    if (at_ == text_.size()) return false;
    switch (text_[at_++]) {
        case '"':
            unescaped_ += '"';
            return true;
        case '\\':
            unescaped_ += '\\';
            return true;
        case '/':
            unescaped_ += '/';
            return true;
        case 'b':
            unescaped_ += '\b';
            return true;
        case 'f':
            unescaped_ += '\f';
            return true;
        case 'n':
            unescaped_ += '\n';
            return true;
        case 'r':
            unescaped_ += '\r';
            return true;
        case 't':
            unescaped_ += '\t';
            return true;
        case 'u':
            break;
        default:
            return false;
    }
    unsigned code = 0;
    if (!four_hex(code)) return false;
    if (code >= 0xDC00 && code <= 0xDFFF) return false;
    if (code >= 0xD800 && code <= 0xDBFF) {
        unsigned low = 0;
        if (text_.substr(at_, 2) != "\\u") return false;
        at_ += 2;
        if (!four_hex(low) || low < 0xDC00 || low > 0xDFFF) return false;
        code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
    }
    append_utf8(unescaped_, code);
    return true;
}

bool JsonScanner::four_hex(unsigned& out) {
    if (text_.size() - at_ < 4) return false;
    out = 0;
    for (int i = 0; i < 4; ++i) {
        const char c = text_[at_++];
        out <<= 4U;
        if (is_digit(c)) {
            out |= static_cast<unsigned>(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            out |= static_cast<unsigned>(c - 'a' + 10);
        } else if (c >= 'A' && c <= 'F') {
            out |= static_cast<unsigned>(c - 'A' + 10);
        } else {
            return false;
        }
    }
    return true;
}

bool JsonScanner::number(std::string_view& out) {
    peek();
    const std::size_t begin = at_;
    const auto digits = [this] {
        const std::size_t first = at_;
        while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
        return at_ - first;
    };
    const auto next_is = [this](char c) { return at_ < text_.size() && text_[at_] == c; };
    if (next_is('-')) ++at_;
    const bool zero = next_is('0');
    const std::size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) return false;
    if (next_is('.')) {
        ++at_;
        if (digits() == 0) return false;
    }
    if (next_is('e') || next_is('E')) {
        ++at_;
        if (next_is('+') || next_is('-')) ++at_;
        if (digits() == 0) return false;
    }
    out = since(begin);
    return true;
}

bool JsonScanner::literal(std::string_view word) {
    peek();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
}

bool JsonScanner::skip_value(int depth) {
    if (depth > kDeepest) return false;
    String text;
    std::string_view digits;
    switch (peek()) {
        case '"':
            return string(text);
        case 't':
            return literal("true");
        case 'f':
            return literal("false");
        case 'n':
            return literal("null");
        case '[':
            ++at_;
            if (take(']')) return true;
            do {
                if (!skip_value(depth + 1)) return false;
            } while (take(','));
            return take(']');
        case '{':
            ++at_;
            if (take('}')) return true;
            do {
                if (!string(text) || !take(':') || !skip_value(depth + 1)) return false;
            } while (take(','));
            return take('}');
        default:
            return number(digits);
    }
}

}  // namespace tapedeck
