#include "sources/html_tree.h"

#include <algorithm>
#include <cstring>

#include "market/price_text.h"
#include "sources/gumbo_guard.h"
#include "sources/text.h"

namespace tapedeck {
namespace {

// Of this thread's CPU time: a page of 8 MiB takes less, and one of 30,000 nested elements is given
// up within half a second.
constexpr long kBudgetMicroseconds = 350'000;
constexpr std::size_t kMaxArena = std::size_t{1} << 30;
// Bytes that gumbo is given: 3 MiB of nothing but '<' take it 0.4 s without one allocation, so that
// the budget does not stop it. Real pages of 1.8 MB are below 1 MB once pruned.
constexpr std::size_t kMaxPruned = 3 * 1024 * 1024;

// Whether the last `display` of an element's own style is none: "color: red; DISPLAY : none".
bool displays_nothing(std::string_view style) {
    bool nothing = false;
    while (!style.empty()) {
        const std::size_t end = std::min(style.find(';'), style.size());
        const std::string_view one = style.substr(0, end);
        style.remove_prefix(std::min(end + 1, style.size()));
        const std::size_t colon = one.find(':');
        if (colon == one.npos || !equal_folded(trim(one.substr(0, colon)), "display")) continue;
        const std::string_view value = one.substr(colon + 1);
        nothing = equal_folded(trim(value.substr(0, value.find('!'))), "none");
    }
    return nothing;
}

}  // namespace

struct HtmlTree::Owner {
    TapedeckTree tree{nullptr, nullptr};
    ~Owner() { tapedeck_free_tree(tree); }
};

HtmlTree::~HtmlTree() = default;

Result<std::unique_ptr<HtmlTree>> HtmlTree::build(const HtmlScan& scan, std::size_t page_size) {
    if (scan.pruned.size() > kMaxPruned) {
        return Error{ErrorKind::malformed, "the page is too large to be read as a tree"};
    }
    std::unique_ptr<HtmlTree> tree(new HtmlTree);
    tree->owner_ = std::make_unique<Owner>();
    tree->owner_->tree =
        tapedeck_parse_html(scan.pruned.data(), scan.pruned.size(), kBudgetMicroseconds, kMaxArena);
    if (tree->owner_->tree.output == nullptr) {
        return Error{ErrorKind::malformed, "the page's elements are nested too deeply to be read"};
    }
    tree->scan_ = &scan;
    tree->page_size_ = page_size;
    tree->flatten();
    return tree;
}

void HtmlTree::flatten() {
    struct Open {
        const GumboVector* children;
        unsigned next;
        Index index;         // kNone for the document
        Index last_element;  // among the children so far
        std::uint32_t elements;
    };
    const std::string& source = scan_->pruned;
    std::vector<Open> open;
    open.push_back({&owner_->tree.output->document->v.document.children, 0, kNone, kNone, 0});
    nodes_.reserve(source.size() / 16);
    attributes_.reserve(source.size() / 40);
    while (!open.empty()) {
        Open& top = open.back();
        if (top.next == top.children->length) {
            if (top.index != kNone) nodes_[top.index].end = static_cast<Index>(nodes_.size());
            open.pop_back();
            continue;
        }
        const auto* node = static_cast<const GumboNode*>(top.children->data[top.next++]);
        const auto index = static_cast<Index>(nodes_.size());
        if (node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_WHITESPACE ||
            node->type == GUMBO_NODE_CDATA) {
            Node text;
            text.parent = top.index;
            text.end = index + 1;
            text.text = node->v.text.text;
            // gumbo's view of a text that was moved or merged is not always of these bytes.
            const GumboStringPiece& piece = node->v.text.original_text;
            const bool inside = piece.data != nullptr && piece.data >= source.data() &&
                                piece.data + piece.length <= source.data() + source.size();
            if (inside) text.source = {piece.data, piece.length};
            nodes_.push_back(text);
            continue;
        }
        if (node->type != GUMBO_NODE_ELEMENT && node->type != GUMBO_NODE_TEMPLATE) continue;
        const GumboElement& element = node->v.element;
        Node entry;
        entry.parent = top.index;
        entry.previous_sibling = top.last_element;
        entry.position = ++top.elements;
        entry.tag = element.tag;
        if (element.tag == GUMBO_TAG_UNKNOWN) {
            GumboStringPiece piece = element.original_tag;
            gumbo_tag_from_original_text(&piece);
            entry.name = piece.data == nullptr ? std::string_view()
                                               : std::string_view(piece.data, piece.length);
        } else {
            entry.name = gumbo_normalized_tagname(element.tag);
        }
        entry.attributes_from = static_cast<std::uint32_t>(attributes_.size());
        entry.attributes_count = element.attributes.length;
        for (unsigned i = 0; i < element.attributes.length; ++i) {
            const auto* attribute = static_cast<const GumboAttribute*>(element.attributes.data[i]);
            attributes_.push_back({attribute->name, attribute->value});
        }
        if (top.last_element != kNone) nodes_[top.last_element].next_sibling = index;
        top.last_element = index;
        nodes_.push_back(entry);
        open.push_back({&element.children, 0, index, kNone, 0});
    }
}

HtmlTree::SourceSpan HtmlTree::source_of(Index text) const {
    const std::string_view bytes = nodes_[text].source;
    if (bytes.empty()) return {};
    const auto at = static_cast<std::size_t>(bytes.data() - scan_->pruned.data());
    SourceSpan span;
    span.at = scan_->original_offset(at);
    // Its last byte may lie behind a comment that was left out.
    span.size = scan_->original_offset(at + bytes.size() - 1) + 1 - span.at;
    span.at_page_end =
        at + bytes.size() >= scan_->pruned.size() && span.at + span.size >= page_size_;
    return span;
}

std::string_view HtmlTree::attribute(Index element, std::string_view name, bool* present) const {
    const Node& node = nodes_[element];
    const Attribute* attribute = attributes_begin(node);
    for (std::uint32_t i = 0; i < node.attributes_count; ++i) {
        if (attribute[i].name == name) {
            if (present != nullptr) *present = true;
            return attribute[i].value;
        }
    }
    if (present != nullptr) *present = false;
    return {};
}

bool HtmlTree::is_hidden(Index element) const {
    const Node& node = nodes_[element];
    if (node.tag == GUMBO_TAG_TEMPLATE || node.tag == GUMBO_TAG_NOSCRIPT) return true;
    const Attribute* attribute = attributes_begin(node);
    for (std::uint32_t i = 0; i < node.attributes_count; ++i) {
        if (attribute[i].name == "hidden") return !this->attribute(element, "id").starts_with("S:");
        if (attribute[i].name == "style" && displays_nothing(attribute[i].value)) return true;
    }
    return false;
}

bool HtmlTree::is_unseen(Index element) const {
    for (Index around = element; around != kNone; around = nodes_[around].parent) {
        if (is_hidden(around)) return true;
    }
    return false;
}

bool HtmlTree::is_apart(Index element) const {
    for (Index around = element; around != kNone; around = nodes_[around].parent) {
        const std::uint32_t tag = nodes_[around].tag;
        if (tag == GUMBO_TAG_TEMPLATE || tag == GUMBO_TAG_NOSCRIPT) return true;
    }
    return false;
}

std::string HtmlTree::text_of(Index element) const {
    std::string text;
    const Index end = nodes_[element].end;
    for (Index i = element + 1; i < end; ++i) {
        const Node& node = nodes_[i];
        if (node.is_element()) {
            if (is_hidden(i)) i = node.end - 1;
            continue;
        }
        const bool small = node.parent != element && nodes_[node.parent].tag == GUMBO_TAG_SUB;
        text += small ? subscript_digits(node.text) : std::string(node.text);
    }
    return fold_space(text);
}

}  // namespace tapedeck
