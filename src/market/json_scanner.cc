#include "market/json_scanner.h"

#include "base/ascii.h"

namespace tapedeck {
namespace {

constexpr int kDeepest = 64;

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

char JsonScanner::peek_past_blanks() {
    for (; at_ < text_.size(); ++at_) {
        const char c = text_[at_];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return c;
    }
    return '\0';
}

// From the first backslash, or control character, of the string that began at `begin`.
bool JsonScanner::escaped_string(std::size_t begin, String& out) {
    unescaped_.assign(text_, begin, at_ - begin);
    while (at_ < text_.size()) {
        const char c = text_[at_++];
        if (c == '"') {
            out = {unescaped_, true};
            return true;
        }
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
