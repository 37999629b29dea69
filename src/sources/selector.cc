#include "sources/selector.h"

#include <gumbo.h>

#include <algorithm>

#include "sources/selector_ast.h"
#include "sources/text.h"

namespace tapedeck {
namespace {

using Index = HtmlTree::Index;

bool attribute_holds(std::string_view found, const SimpleSelector& simple) {
    return tapedeck::attribute_holds(found, simple.operation, simple.value, simple.fold_case);
}

bool class_holds(std::string_view words, std::string_view word) {
    return tapedeck::attribute_holds(words, '~', word, false);
}

bool nth_holds(int position, const SimpleSelector& simple) {
    const int distance = position - simple.offset;
    if (simple.step == 0) return distance == 0;
    return distance % simple.step == 0 && distance / simple.step >= 0;
}

class Matcher {
public:
    Matcher(const HtmlTree& tree, SearchBudget& budget) : tree_(tree), budget_(budget) {}

    bool matches_any(Index element, const std::vector<Selector::Complex>& list) {
        return std::ranges::any_of(list, [&](const Selector::Complex& complex) {
            return matches(element, complex, complex.compounds.size() - 1);
        });
    }

    bool spent() const { return budget_.is_spent(); }

private:
    // Whether `element` matches the compound at `at`, and what stands left of it matches too.
    bool matches(Index element, const Selector::Complex& complex, std::size_t at) {
        const CompoundSelector& compound = complex.compounds[at];
        if (!matches_compound(element, compound)) return false;
        if (at == 0) return true;
        const HtmlTree::Node& node = tree_[element];
        switch (compound.before) {
            case Combinator::child:
                return node.parent != HtmlTree::kNone && matches(node.parent, complex, at - 1);
            case Combinator::next:
                return node.previous_sibling != HtmlTree::kNone &&
                       matches(node.previous_sibling, complex, at - 1);
            case Combinator::later:
                for (Index i = node.previous_sibling; i != HtmlTree::kNone && !spent();
                     i = tree_[i].previous_sibling) {
                    if (matches(i, complex, at - 1)) return true;
                }
                return false;
            default:
                for (Index i = node.parent; i != HtmlTree::kNone && !spent(); i = tree_[i].parent) {
                    if (matches(i, complex, at - 1)) return true;
                }
                return false;
        }
    }

    bool matches_compound(Index element, const CompoundSelector& compound) {
        if (spent()) return false;
        budget_.pay(1);
        return std::ranges::all_of(compound.simples, [&](const SimpleSelector& simple) {
            return matches_simple(element, simple);
        });
    }

    bool same_type(const HtmlTree::Node& left, const HtmlTree::Node& right) const {
        return left.tag == right.tag &&
               (left.tag != GUMBO_TAG_UNKNOWN || equal_folded(left.name, right.name));
    }

    int position_of(const HtmlTree::Node& node, bool of_type, bool from_end) {
        if (!of_type && !from_end) return static_cast<int>(node.position);
        int position = 1;
        for (Index i = from_end ? node.next_sibling : node.previous_sibling; i != HtmlTree::kNone;
             i = from_end ? tree_[i].next_sibling : tree_[i].previous_sibling) {
            budget_.pay(1);
            if (!of_type || same_type(tree_[i], node)) ++position;
        }
        return position;
    }

    bool is_only(const HtmlTree::Node& node, bool of_type) {
        return position_of(node, of_type, false) == 1 && position_of(node, of_type, true) == 1;
    }

    // :empty takes comments for nothing, and text, blanks included, for something.
    bool is_empty(Index element) const { return tree_[element].end == element + 1; }

    bool has(Index element, const std::vector<Selector::Complex>& list) {
        for (const Selector::Complex& complex : list) {
            const Combinator first = complex.compounds.front().before;
            const bool siblings = first == Combinator::next || first == Combinator::later;
            const Index scope = siblings ? tree_[element].parent : element;
            const Index from = siblings ? tree_[element].end : element + 1;
            const Index end = scope == HtmlTree::kNone ? static_cast<Index>(tree_.nodes().size())
                                                       : tree_[scope].end;
            for (Index i = from; i < end && !spent(); ++i) {
                if (!tree_[i].is_element()) continue;
                if (matches_from(i, complex, complex.compounds.size() - 1, element)) return true;
            }
        }
        return false;
    }

    // As `matches`, with the leftmost compound tied to `anchor` by its own combinator.
    bool matches_from(Index element, const Selector::Complex& complex, std::size_t at,
                      Index anchor) {
        const CompoundSelector& compound = complex.compounds[at];
        if (!matches_compound(element, compound)) return false;
        const HtmlTree::Node& node = tree_[element];
        if (at == 0) {
            switch (compound.before) {
                case Combinator::child:
                    return node.parent == anchor;
                case Combinator::next:
                    return node.previous_sibling == anchor;
                case Combinator::later:
                    return node.parent == tree_[anchor].parent && element > anchor;
                default:
                    return element > anchor && element < tree_[anchor].end;
            }
        }
        const bool sideways =
            compound.before == Combinator::next || compound.before == Combinator::later;
        const bool once =
            compound.before == Combinator::next || compound.before == Combinator::child;
        for (Index i = sideways ? node.previous_sibling : node.parent;
             i != HtmlTree::kNone && !spent();
             i = sideways ? tree_[i].previous_sibling : tree_[i].parent) {
            if (matches_from(i, complex, at - 1, anchor)) return true;
            if (once) break;
        }
        return false;
    }

    // An attribute can be as long as its page.
    std::string_view paid(std::string_view attribute) {
        budget_.pay(1 + attribute.size() / 32);
        return attribute;
    }

    bool matches_simple(Index element, const SimpleSelector& simple) {
        const HtmlTree::Node& node = tree_[element];
        bool present = false;
        switch (simple.kind) {
            case SimpleKind::type:
                if (simple.name == "*") return true;
                if (simple.tag != node.tag) return false;
                return node.tag != GUMBO_TAG_UNKNOWN || equal_folded(simple.name, node.name);
            case SimpleKind::id:
                return paid(tree_.attribute(element, "id")) == simple.value;
            case SimpleKind::class_name:
                return class_holds(paid(tree_.attribute(element, "class")), simple.value);
            case SimpleKind::attribute: {
                const std::string_view value =
                    paid(tree_.attribute(element, simple.name, &present));
                return present && attribute_holds(value, simple);
            }
            case SimpleKind::nth_child:
                return nth_holds(position_of(node, false, false), simple);
            case SimpleKind::nth_last_child:
                return nth_holds(position_of(node, false, true), simple);
            case SimpleKind::nth_of_type:
                return nth_holds(position_of(node, true, false), simple);
            case SimpleKind::nth_last_of_type:
                return nth_holds(position_of(node, true, true), simple);
            case SimpleKind::only_child:
                return is_only(node, false);
            case SimpleKind::only_of_type:
                return is_only(node, true);
            case SimpleKind::empty:
                return is_empty(element);
            case SimpleKind::root:
                return node.parent == HtmlTree::kNone;
            case SimpleKind::matches_not:
                return !matches_any(element, simple.list);
            case SimpleKind::matches_is:
                return matches_any(element, simple.list);
            case SimpleKind::has:
                return has(element, simple.list);
        }
        return false;
    }

    const HtmlTree& tree_;
    SearchBudget& budget_;
};

bool any_templated(const std::vector<Selector::Complex>& list) {
    for (const auto& complex : list) {
        for (const auto& compound : complex.compounds) {
            for (const auto& simple : compound.simples) {
                if (simple.templated || any_templated(simple.list)) return true;
            }
        }
    }
    return false;
}

void fill_in_list(std::vector<Selector::Complex>& list, const Names& names) {
    for (auto& complex : list) {
        for (auto& compound : complex.compounds) {
            for (auto& simple : compound.simples) {
                if (simple.templated) simple.value = fill_in(simple.value, names);
                fill_in_list(simple.list, names);
            }
        }
    }
}

bool raw_matches(const RawElement& element, const SimpleSelector& simple) {
    std::string value;
    switch (simple.kind) {
        case SimpleKind::type:
            return simple.name == "*" || equal_folded(simple.name, element.name);
        case SimpleKind::id:
            return raw_attribute(element.attributes, "id", value) && value == simple.value;
        case SimpleKind::class_name:
            return raw_attribute(element.attributes, "class", value) &&
                   class_holds(value, simple.value);
        case SimpleKind::attribute:
            return raw_attribute(element.attributes, simple.name, value) &&
                   attribute_holds(value, simple);
        case SimpleKind::matches_not:
        case SimpleKind::matches_is: {
            const bool any = std::ranges::any_of(simple.list, [&](const Selector::Complex& one) {
                return std::ranges::all_of(
                    one.compounds[0].simples,
                    [&](const SimpleSelector& inner) { return raw_matches(element, inner); });
            });
            return any == (simple.kind == SimpleKind::matches_is);
        }
        default:
            return false;
    }
}

bool is_raw_list(const std::vector<Selector::Complex>& list) {
    return std::ranges::all_of(list, [](const Selector::Complex& complex) {
        return complex.compounds.size() == 1 &&
               std::ranges::all_of(complex.compounds[0].simples, [](const SimpleSelector& simple) {
                   const bool known = simple.kind == SimpleKind::type ||
                                      simple.kind == SimpleKind::id ||
                                      simple.kind == SimpleKind::class_name ||
                                      simple.kind == SimpleKind::attribute ||
                                      simple.kind == SimpleKind::matches_not ||
                                      simple.kind == SimpleKind::matches_is;
                   return known && is_raw_list(simple.list);
               });
    });
}

}  // namespace

std::vector<Index> Selector::find(const HtmlTree& tree, Index from, Index end, std::size_t most,
                                  const Names& names, SearchBudget& budget) const {
    const std::vector<Complex>* list = list_.get();
    std::vector<Complex> filled;
    if (any_templated(*list_)) {
        filled = *list_;
        fill_in_list(filled, names);
        list = &filled;
    }
    std::vector<Index> found;
    Matcher matcher(tree, budget);
    for (Index i = from; i < end && found.size() < most && !matcher.spent(); ++i) {
        // What a search without means did not look at may not be what :not() makes of it.
        const bool matches = tree[i].is_element() && matcher.matches_any(i, *list);
        if (matches && !matcher.spent()) found.push_back(i);
    }
    return found;
}

bool Selector::is_compound() const { return is_raw_list(*list_); }

bool Selector::matches_raw(const RawElement& element, const Names& names) const {
    const std::vector<Complex>* list = list_.get();
    std::vector<Complex> filled;
    if (any_templated(*list_)) {
        filled = *list_;
        fill_in_list(filled, names);
        list = &filled;
    }
    return std::ranges::any_of(*list, [&](const Complex& complex) {
        return std::ranges::all_of(complex.compounds[0].simples, [&](const SimpleSelector& simple) {
            return raw_matches(element, simple);
        });
    });
}

bool Selector::has_placeholder() const { return any_templated(*list_); }

namespace {

// The test of a simple selector, or of one with a placeholder whatever that will stand for.
AttributeTest test_of(const SimpleSelector& simple, char operation) {
    if (!simple.templated) return {operation, simple.value, simple.fold_case};
    // A placeholder is at its '{': what stands before is there in any case.
    const std::string before = simple.value.substr(0, simple.value.find('{'));
    if (before.empty() || operation == 0) return {};
    return {'*', before, simple.fold_case};
}

// The elements that a compound may match; empty: any.
std::string tag_of(const CompoundSelector& compound) {
    for (const SimpleSelector& simple : compound.simples) {
        if (simple.kind == SimpleKind::type && simple.name != "*") return simple.name;
    }
    return {};
}

void add_uses_of(const std::vector<Selector::Complex>& list, AttributeUses& uses);

// An attribute that fails one test of a compound is as good as none to that compound.
void add_uses_of(const CompoundSelector& compound, AttributeUses& uses) {
    std::vector<AttributeUse> found;
    const auto add = [&](std::string_view name, AttributeTest test) {
        auto same = std::ranges::find_if(
            found, [&](const AttributeUse& use) { return equal_folded(use.name, name); });
        if (same == found.end()) {
            same = found.insert(found.end(), {std::string(name), tag_of(compound)});
        }
        same->tests.push_back(std::move(test));
    };
    for (const SimpleSelector& simple : compound.simples) {
        if (simple.kind == SimpleKind::class_name) add("class", test_of(simple, '~'));
        if (simple.kind == SimpleKind::id) add("id", test_of(simple, '='));
        if (simple.kind == SimpleKind::attribute)
            add(simple.name, test_of(simple, simple.operation));
        add_uses_of(simple.list, uses);
    }
    for (AttributeUse& use : found) uses.add(std::move(use));
}

void add_uses_of(const std::vector<Selector::Complex>& list, AttributeUses& uses) {
    for (const Selector::Complex& complex : list) {
        for (const CompoundSelector& compound : complex.compounds) add_uses_of(compound, uses);
    }
}

}  // namespace

void Selector::add_uses(AttributeUses& uses) const {
    if (list_) add_uses_of(*list_, uses);
}

void Selector::add_reading(std::string_view attribute, AttributeUses& uses) const {
    if (!list_ || list_->empty()) return uses.add({std::string(attribute)});
    for (const Complex& complex : *list_) {
        uses.add({std::string(attribute), tag_of(complex.compounds.back())});
    }
}

}  // namespace tapedeck
