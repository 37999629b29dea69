#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "sources/html_scan.h"
#include "sources/html_tree.h"
#include "sources/text.h"

namespace tapedeck {

// A page that nothing is left out of.
inline HtmlScan scan_of_whole(std::string_view page) {
    HtmlScan whole;
    whole.pruned = page;
    whole.pieces = {{0, 0}};
    return whole;
}

// The elements and words of a page's tree, but for what pruning means to leave out: the contents of
// scripts and styles, and elements that draw. None where the page cannot be read as a tree.
inline std::optional<std::string> outline_of(const HtmlScan& scan, std::size_t page_size) {
    constexpr std::array<std::string_view, 20> kDrawing{
        "path",    "g",       "circle",   "rect", "line",     "polyline",      "polygon",
        "ellipse", "defs",    "use",      "mask", "stop",     "filter",        "symbol",
        "animate", "feblend", "feoffset", "svg",  "clippath", "lineargradient"};
    const auto tree = HtmlTree::build(scan, page_size);
    if (!tree) return std::nullopt;
    std::string out;
    for (const HtmlTree::Node& node : (*tree)->nodes()) {
        if (node.is_element()) {
            const bool draws = std::any_of(kDrawing.begin(), kDrawing.end(), [&](auto name) {
                return equal_folded(name, node.name);
            });
            if (!draws) out += "<" + std::string(node.name) + ">";
            continue;
        }
        const bool raw =
            node.parent != HtmlTree::kNone &&
            ((**tree)[node.parent].name == "script" || (**tree)[node.parent].name == "style");
        if (!raw) out += node.text;
    }
    return fold_space(out);
}

}  // namespace tapedeck
