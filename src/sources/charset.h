#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tapedeck {

// A character set of the Encoding Standard (encoding.spec.whatwg.org), all of which are carried in
// the program: what a page reads does not hang on the machine's own modules. A value; compares by
// name.
class Charset {
public:
    static Charset utf8();

    // The set that `label` names, without regard to case and blanks around it: "latin1" is
    // windows-1252. Nothing where the standard knows no such label, or has it read as nothing
    // (ISO-2022-KR, HZ-GB-2312, ISO-2022-CN), as pages hid scripts in those.
    static std::optional<Charset> labelled(std::string_view label);

    std::string_view name() const;
    bool is_utf8() const;

    // `bytes` as UTF-8; what is nothing in this set becomes U+FFFD.
    std::string to_utf8(std::string_view bytes) const;

    // Where the character that holds byte `at` of `to_utf8(bytes)` begins in `bytes`; their end
    // where `at` lies behind. Costs as much as to_utf8.
    std::size_t source_of(std::string_view bytes, std::size_t at) const;

    friend bool operator==(const Charset&, const Charset&) = default;

private:
    explicit Charset(std::size_t row) : row_(row) {}
    std::size_t row_;  // of the table of labels
};

// In what a page is written.
struct PageCharset {
    std::optional<Charset> charset;
    std::string label;          // where there is none: the name that nothing is carried for
    std::size_t mark_size = 0;  // of a byte-order mark that is no part of the text
};

// By its byte-order mark, else the Content-Type, else, of HTML, what its first bytes declare (<meta
// charset>, http-equiv, an XML declaration). A page that declares nothing is UTF-8, and HTML that
// is none by any of its bytes windows-1252, as browsers have it.
PageCharset charset_of(std::string_view body, std::string_view content_type, bool html);

}  // namespace tapedeck
