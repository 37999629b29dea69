#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sources/html_scan.h"

namespace tapedeck {

// A page's elements and texts in document order, as the HTML standard's tree builder places them
// (gumbo). Script and style contents, comments and drawings are left out (html_scan.h).
class HtmlTree {
public:
    using Index = std::uint32_t;
    static constexpr Index kNone = 0xFFFFFFFF;

    struct Attribute {
        std::string_view name;  // lower case
        std::string_view value;
    };
    struct Node {
        Index parent = kNone;
        Index end = 0;                      // one past the last node inside
        Index previous_sibling = kNone;     // elements only
        Index next_sibling = kNone;         // elements only
        std::uint32_t position = 0;         // among the parent's elements, from 1; 0 for a text
        std::uint32_t attributes_from = 0;  // into attributes()
        std::uint32_t attributes_count = 0;
        std::uint32_t tag = 0;    // gumbo's number, for quick comparison
        std::string_view text;    // of a text node
        std::string_view source;  // of a text node: its bytes in what gumbo was given
        std::string_view name;    // of an element: lower case for known ones
        bool is_element() const { return position != 0; }
    };
    // A text's bytes in the page, entities unresolved; size 0 where they cannot be told.
    struct SourceSpan {
        std::size_t at = 0;
        std::size_t size = 0;
        bool at_page_end = false;  // the end of the page cut it off
    };

    // `scan` must outlive the tree. `malformed` where the page is nested so deeply that the budget
    // of CPU time (350 ms) or memory is spent, or more than 3 MiB are left to be read. Never
    // recursive.
    static Result<std::unique_ptr<HtmlTree>> build(const HtmlScan& scan, std::size_t page_size);

    ~HtmlTree();
    HtmlTree(const HtmlTree&) = delete;
    HtmlTree& operator=(const HtmlTree&) = delete;

    const std::vector<Node>& nodes() const { return nodes_; }
    const Node& operator[](Index index) const { return nodes_[index]; }
    std::string_view attribute(Index element, std::string_view name, bool* present = nullptr) const;
    const Attribute* attributes_begin(const Node& node) const {
        return attributes_.data() + node.attributes_from;
    }

    SourceSpan source_of(Index text) const;

    // Whether nobody sees an element whatever a style sheet says: `hidden`, `display:none` in its
    // own style, <template> and <noscript>. What stands around it is not looked at. An element that
    // React streams behind the page ("S:0") is hidden only until its script has put it in its
    // place.
    bool is_hidden(Index element) const;

    // Whether nobody sees an element for itself or for one around it.
    bool is_unseen(Index element) const;

    // Whether it stands in a <template> or <noscript>: what is there is no part of the page.
    bool is_apart(Index element) const;

    // textContent with white space folded, without what is hidden within it. Digits within <sub>
    // become U+2080 to U+2089, since coin sites write the count of zeros so.
    std::string text_of(Index element) const;

private:
    HtmlTree() = default;
    struct Owner;
    void flatten();

    const HtmlScan* scan_ = nullptr;
    std::size_t page_size_ = 0;
    std::vector<Node> nodes_;
    std::vector<Attribute> attributes_;
    std::unique_ptr<Owner> owner_;
};

}  // namespace tapedeck
