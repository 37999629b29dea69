#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <bit>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace tapedeck {

// Reads JSON from left to right, without a tree, exactly as RFC 8259 has it: no comments, no
// trailing commas, no control characters in strings, no half surrogates, 64 levels at most.
//
// Messages are read by this and not by simdjson, as (1) texts must point into the message itself,
// while simdjson reads a padded copy, (2) its DOM knows numbers as 64-bit integers or double only
// and refuses longer ones, and its on-demand front end accepts rubbish in fields that are skipped.
// Speeds are near each other (bench/decimal_bench.cc); the test and the fuzzer hold the two against
// each other.
//
// Every function skips blanks first, and returns false where the text is not what it is asked for;
// the reader is then of no more use, but for `at`. The text must be UTF-8: check before.
class JsonScanner {
public:
    explicit JsonScanner(std::string_view text) : text_(text) {}

    // A string without its quotes: a view into the text where nothing was escaped, else into a
    // buffer that the next string overwrites.
    struct String {
        std::string_view text;
        bool escaped = false;
    };

    // The next character that is no blank; 0 at the end.
    char peek() {
        if (at_ < text_.size() && text_[at_] > ' ') return text_[at_];
        return peek_past_blanks();
    }
    bool take(char expected) {
        if (peek() != expected || at_ == text_.size()) return false;
        ++at_;
        return true;
    }
    bool at_end() { return peek() == '\0' && at_ == text_.size(); }

    bool string(String& out) {
        if (!take('"')) return false;
        const std::size_t begin = at_;
        find_end_of_plain();
        if (at_ == text_.size()) return false;
        if (text_[at_] != '"') return escaped_string(begin, out);
        out = {text_.substr(begin, at_ - begin), false};
        ++at_;
        return true;
    }
    bool number(std::string_view& out);   // as written
    bool literal(std::string_view word);  // true, false, null
    bool skip_value() { return skip_value(0); }

    std::size_t at() const { return at_; }  // bytes read so far
    std::string_view since(std::size_t begin) const { return text_.substr(begin, at_ - begin); }

private:
    // Moves to the next quote, backslash or control character, or to the end: 16 bytes at a time
    // where the machine has the instructions that every x86-64 has.
    void find_end_of_plain() {
#ifdef __SSE2__
        while (text_.size() - at_ >= 16) {
            __m128i bytes;
            std::memcpy(&bytes, text_.data() + at_, 16);
            const __m128i control = _mm_set1_epi8(0x1F);
            const __m128i found =
                _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                          _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))),
                             _mm_cmpeq_epi8(_mm_max_epu8(bytes, control), control));
            const auto mask = static_cast<unsigned>(_mm_movemask_epi8(found));
            if (mask != 0) {
                at_ += static_cast<std::size_t>(std::countr_zero(mask));
                return;
            }
            at_ += 16;
        }
#endif
        for (; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20) return;
        }
    }

    char peek_past_blanks();
    bool escaped_string(std::size_t begin, String& out);
    bool escape_sequence();
    bool four_hex(unsigned& out);
    bool skip_value(int depth);

    std::string_view text_;
    std::size_t at_ = 0;
    std::string unescaped_;
};

}  // namespace tapedeck
