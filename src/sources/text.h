#pragma once

#include <string>
#include <string_view>

#include "base/ascii.h"

namespace tapedeck {

// Equal without regard to ASCII case.
bool equal_folded(std::string_view left, std::string_view right);
std::string upper_ascii(std::string_view text);

// The text as a browser lays it out on one line: runs of white space (no-break blanks included) are
// one blank, none at either end.
std::string fold_space(std::string_view text);
std::string_view trim(std::string_view text);  // ASCII white space at both ends taken off

// At most `most` bytes of the text, cut between two characters, with "..." where some is left out.
std::string shortened(std::string_view text, std::size_t most);

// Appends a code point as UTF-8; U+FFFD for what is none.
void append_utf8(std::string& out, unsigned long code_point);

// Everything but RFC 3986's unreserved characters as %XX.
std::string percent_encode(std::string_view text);

// A text with {instrument} and {symbol} in it: what a source calls the instrument goes in there.
// {symbol:lower} and {symbol:upper} (and so for instrument) change the case. Other braces stay.
struct Names {
    std::string_view instrument;  // as asked for
    std::string_view symbol;      // as the site calls it; the instrument itself where not mapped
};
std::string fill_in(std::string_view text, const Names& names);
bool has_placeholder(std::string_view text);

}  // namespace tapedeck
