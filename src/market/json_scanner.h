#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tapedeck {

// Reads JSON from left to right, without a tree, exactly as RFC 8259 has it: no comments, no
// trailing commas, no control characters in strings, no half surrogates, 64 levels at most.
//
// Messages are read by this and not by simdjson, as (1) texts must point into the message itself,
// while simdjson needs a padded copy, (2) its DOM knows numbers as 64-bit integers or double only
// and refuses longer integers, and its on-demand front end accepts rubbish in fields that are
// skipped, (3) at 250 bytes a message this takes half its time (bench/decimal_bench.cc). The test
// and the fuzzer hold the two against each other.
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
    char peek();
    bool take(char expected);
    bool at_end() { return peek() == '\0' && at_ == text_.size(); }

    bool string(String& out);
    bool number(std::string_view& out);   // as written
    bool literal(std::string_view word);  // true, false, null
    bool skip_value() { return skip_value(0); }

    std::size_t at() const { return at_; }  // bytes read so far
    std::string_view since(std::size_t begin) const { return text_.substr(begin, at_ - begin); }

private:
    bool skip_value(int depth);
    bool unescape(std::size_t begin);
    bool escape_sequence();
    bool four_hex(unsigned& out);
    void find_end_of_plain();

    std::string_view text_;
    std::size_t at_ = 0;
    std::string unescaped_;
};

}  // namespace tapedeck
