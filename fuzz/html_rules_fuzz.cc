// Pages as the sites might send them, read by the shipped sources of pages; and the selectors
// themselves: where the first line of the input is a selector, it is looked for in the rest.

#include <cctype>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "sources/html_scan.h"
#include "sources/html_testing.h"
#include "sources/html_tree.h"
#include "sources/selector.h"
#include "sources/source.h"

using namespace tapedeck;

namespace {

void check_scan(std::string_view page) {
    const HtmlScan scan = scan_html(page);
    for (std::size_t i = 0; i < scan.pruned.size(); ++i) {
        const std::size_t at = scan.original_offset(i);
        TAPEDECK_ASSERT(at < page.size() && page[at] == scan.pruned[i]);
    }
    for (const RawElement& script : scan.scripts) {
        TAPEDECK_ASSERT(script.content.data() >= page.data());
        TAPEDECK_ASSERT(script.content.data() + script.content.size() <= page.data() + page.size());
    }
}

// What is left out changes neither the elements nor the words of the tree. The tree builder runs no
// scripts and takes the content of <noscript> for elements, some of which reach beyond it; and it
// knows the <select> of before 2025, in which a <style> is no style. Pages with either have no tree
// to be compared with.
void check_tree(std::string_view text) {
    std::string folded(text);
    for (char& c : folded) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (const char* name : {"noscript", "select"}) {
        if (folded.find(name) != folded.npos) return;
    }
    const std::string page = "<!doctype html><body>" + std::string(text);
    const auto whole = outline_of(scan_of_whole(page), page.size());
    const auto pruned = outline_of(scan_html(page), page.size());
    if (whole && pruned) TAPEDECK_ASSERT(*whole == *pruned);
}

void check_selector(std::string_view text, std::string_view page) {
    const auto selector = Selector::parse(text);
    if (!selector) return;
    const HtmlScan scan = scan_html(page);
    const auto tree = HtmlTree::build(scan, page.size());
    if (!tree) return;
    const auto size = static_cast<HtmlTree::Index>((*tree)->nodes().size());
    for (const auto found : selector->find(**tree, 0, size, 50, {"bitcoin", "BTC-USD"})) {
        TAPEDECK_ASSERT((**tree)[found].is_element());
        (void)(*tree)->text_of(found);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Sources kSources = load_sources("").value_or({});
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_scan(text);
    check_tree(text);
    if (const std::size_t line = text.find('\n'); line != std::string_view::npos && line < 200) {
        check_selector(text.substr(0, line), text.substr(line + 1));
    }
    for (const char* name : {"yahoo", "coinmarketcap", "coinmarketcap-list"}) {
        Page page;
        page.body = text;
        const auto result = PageReader(*kSources.at(name), page).read("EXMP");
        if (const auto* reading = std::get_if<Reading>(&result)) {
            TAPEDECK_ASSERT(reading->price.is_positive());
            TAPEDECK_ASSERT(reading->evidence_at + reading->evidence_size <= size);
        }
    }
    return 0;
}
