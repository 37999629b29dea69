#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sources/attribute_use.h"
#include "sources/html_tree.h"
#include "sources/search_budget.h"
#include "sources/text.h"

namespace tapedeck {

// A list of CSS selectors (Selectors Level 4) as browsers take them: types, classes, ids,
// attributes
// ([a] = ~= |= ^= $= *=, with i or s), the four combinators, :not :is :where :has, :first-child
// :last-child :only-child :nth-child(an+b) :nth-last-child and the same of-type, :empty :root,
// escapes, commas. Attribute values, ids and classes may hold {symbol} and {instrument}.
// Immutable; shared between threads.
class Selector {
public:
    // Longer texts are no selectors that a person wrote; a browser's own copy has some 300 bytes.
    static constexpr std::size_t kMostBytes = 4'096;

    // `malformed` says what was met where.
    static Result<Selector> parse(std::string_view text);

    // Of the original's form: a plain list of class names, "Fw(b) Fz(36px) Mb(-4px) D(ib)".
    // `malformed` above kMostBytes.
    static Result<Selector> of_classes(std::string_view classes);

    // Finds nothing, anywhere.
    static Selector nothing();

    // ":scope": the row itself. Finds nothing in a tree; whoever has a row looks at `text`.
    static Selector scope();

    // The matching elements among `from` (exclusive) and `end` in document order, at most `most`.
    // Where the budget is spent, what was found until then.
    std::vector<HtmlTree::Index> find(const HtmlTree& tree, HtmlTree::Index from,
                                      HtmlTree::Index end, std::size_t most, const Names& names,
                                      SearchBudget& budget) const;
    std::vector<HtmlTree::Index> find(const HtmlTree& tree, HtmlTree::Index from,
                                      HtmlTree::Index end, std::size_t most,
                                      const Names& names) const {
        SearchBudget budget;
        return find(tree, from, end, most, names, budget);
    }

    // Whether a raw element matches, without a tree. Only for selectors of one compound, which
    // `is_compound` tells.
    bool is_compound() const;
    bool matches_raw(const RawElement& element, const Names& names) const;

    bool has_placeholder() const;
    const std::string& text() const { return text_; }

    // Adds what matching looks for in attributes, "class" and "id" among them.
    void add_uses(AttributeUses& uses) const;

    // Adds that `attribute` of the elements found is read.
    void add_reading(std::string_view attribute, AttributeUses& uses) const;

    struct Complex;

private:
    std::string text_;
    std::shared_ptr<const std::vector<Complex>> list_;
};

}  // namespace tapedeck
