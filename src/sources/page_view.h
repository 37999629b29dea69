#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sources/html_tree.h"
#include "sources/json_tree.h"
#include "sources/rules.h"
#include "sources/source.h"

namespace tapedeck {

// A text that a finder found, and where it stands in the page (size 0 where that cannot be told).
struct FoundText {
    std::string text;
    std::size_t at = 0;
    std::size_t size = 0;
    bool cut_off = false;  // the page ended within it
};

// A JSON text of the page, parsed.
struct LoadedJson {
    std::unique_ptr<JsonTree> tree;
    std::size_t base = 0;               // where the text begins in the page, or in `outer`'s string
    const LoadedJson* outer = nullptr;  // whose string holds this one
    JsonTree::Index outer_node = 0;
    std::string_view raw;  // the text as it stands in the page; of the outermost alone
};

struct EntryRef {
    const LoadedJson* json = nullptr;
    JsonTree::Index index = 0;
};

// Whether a body begins as JSON does.
bool begins_as_json(std::string_view body);

// A page with everything that is parsed of it, each at first need and once. One thread.
class PageView {
public:
    PageView(const RuleSet& rules, const Page& page) : rules_(rules), page_(page) {}

    std::string_view body() const { return page_.body; }
    const HtmlScan& scan();
    // Null where the page cannot be read as a tree; then `tree_error` says why.
    const HtmlTree* tree();
    const std::string& tree_error() const { return tree_error_; }
    std::string title();  // folded
    bool has(const Selector& selector, const Names& names);

    // Whether the body begins as JSON does, or as HTML.
    bool looks_like_json() const { return begins_as_json(page_.body); }
    bool looks_like_html() const;
    // The body as JSON; null where it is none.
    const LoadedJson* body_json();

    // The instrument's entries of a document, in order. With none, `why` says what was there.
    std::vector<EntryRef> entries(std::size_t document, const Names& names, Failure& why);

    // The instrument's rows of a rule with `entries`.
    std::vector<HtmlTree::Index> rows(const Rule& rule, const Names& names, Failure& why);

    // Where a finder looks: an entry of the rule's own document, and the row of a page.
    struct Place {
        std::optional<EntryRef> entry;
        std::optional<HtmlTree::Index> row;
    };
    // The first text that `field` finds and `accept` takes.
    template <class Accept>
    std::optional<FoundText> find(const Field& field, const Place& place, const Names& names,
                                  Accept accept);
    std::optional<FoundText> find(const Field& field, const Place& place, const Names& names) {
        return find(field, place, names, [](const FoundText&, const Finder&) { return true; });
    }
    std::optional<FoundText> find_one(const Finder& finder, const Place& place, const Names& names);

    // More to spend for one more instrument.
    void grant() { budget_.left += SearchBudget::kInstrument; }
    bool is_spent() const { return budget_.is_spent(); }
    SearchBudget& budget() { return budget_; }

private:
    using Keys = std::unordered_map<std::string, std::vector<std::size_t>>;
    struct ParsedScript {
        std::unique_ptr<LoadedJson> json;  // null: `error`
        std::string error;
    };
    struct LoadedDocument {
        std::vector<std::unique_ptr<LoadedJson>> inner;  // unwrapped, outer ones before inner ones
        std::vector<const LoadedJson*> leaves;           // what the entries are looked for in
        std::string error;
        bool listed = false;
        std::vector<EntryRef> listed_entries;
        std::vector<Keys> keys;  // per match: lower-case text -> numbers of entries
    };
    struct LoadedRows {
        std::vector<HtmlTree::Index> rows;
        Keys keys;
    };

    LoadedDocument& load(std::size_t document);
    void load_script(const DocumentSpec& spec, const RawElement& script, LoadedDocument& loaded);
    const ParsedScript& parsed(std::string_view text);
    void add_leaf(const DocumentSpec& spec, const LoadedJson* json, LoadedDocument& loaded);
    void list_entries(const DocumentSpec& spec, LoadedDocument& loaded, const Names& names);
    std::optional<FoundText> find_pointer(const Finder& finder, const Place& place,
                                          const Names& names);
    std::optional<FoundText> find_css(const Finder& finder, const Place& place, const Names& names);
    std::optional<FoundText> find_label(const Finder& finder, const Place& place,
                                        const Names& names);
    FoundText element_text(HtmlTree::Index element);
    std::pair<std::size_t, std::size_t> source_of(const LoadedJson& json, std::size_t at,
                                                  std::size_t size) const;

    const RuleSet& rules_;
    const Page& page_;
    SearchBudget budget_;
    std::unordered_map<const Selector*, bool> has_;  // those without a placeholder
    std::optional<HtmlScan> scan_;
    bool tree_tried_ = false;
    std::unique_ptr<HtmlTree> tree_;
    std::string tree_error_;
    bool body_tried_ = false;
    std::unique_ptr<LoadedJson> body_json_;
    std::string body_json_error_;
    std::unordered_map<const char*, ParsedScript> scripts_;  // by where the JSON begins
    std::unordered_map<std::size_t, LoadedDocument> documents_;
    std::unordered_map<const Rule*, LoadedRows> rows_;
};

// Applies a finder's cuts; false where a mark is missing or nothing is left.
bool cut_text(const Finder& finder, const Names& names, std::string& text);

template <class Accept>
std::optional<FoundText> PageView::find(const Field& field, const Place& place, const Names& names,
                                        Accept accept) {
    for (const Finder& finder : field) {
        auto found = find_one(finder, place, names);
        if (found && accept(*found, finder)) return found;
    }
    return std::nullopt;
}

}  // namespace tapedeck
