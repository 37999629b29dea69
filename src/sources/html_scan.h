#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sources/attribute_use.h"

namespace tapedeck {

// A start tag and the raw text after it (HTML 13.1.2: script, style and the like), as it stands in
// the page.
struct RawElement {
    std::string_view name;        // as written: "script", "STYLE"
    std::string_view attributes;  // between name and '>'
    std::string_view content;     // up to its end tag; to the page's end where there is none
};

// What one pass over a page finds without building a tree.
struct HtmlScan {
    std::vector<RawElement> scripts;  // script elements alone, in page order
    std::string_view title;           // content of the first <title>; unfolded, entities as written
    bool has_title = false;
    bool has_html_end = false;  // "</html" was seen
    // The page without the contents of script, style and noscript elements, comments, SVG drawings
    // and repeated blanks: what the tree builder gets. 90 % of a quote page falls away.
    std::string pruned;
    // For each piece kept: where it begins in `pruned` and in the page.
    std::vector<std::pair<std::size_t, std::size_t>> pieces;

    // Where byte `at` of `pruned` stands in the page.
    std::size_t original_offset(std::size_t at) const;
};

// Follows the tokenizer of the HTML standard (13.2.5) as far as needed to tell tags, comments and
// raw text apart, script data with its escaped states included. Any bytes; never fails; linear.
//
// With `attributes`, only those that may hold what is looked for are left in `pruned`, and the few
// by which a tree is built; others are three quarters of what is left of a page.
HtmlScan scan_html(std::string_view page, const AttributeUses* attributes = nullptr);

// The attribute's value, entities resolved; false where there is none. `attributes` as in
// RawElement; names compare without case.
bool raw_attribute(std::string_view attributes, std::string_view name, std::string& value);

// The character references that pages use in attributes and titles (&amp; &quot; &lt; &gt; &apos;
// &nbsp; and numbers) resolved; others stay as written.
std::string resolve_entities(std::string_view text);

}  // namespace tapedeck
