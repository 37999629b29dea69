#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sources/selector.h"

namespace tapedeck {

// What a selector is parsed into; seen by its parser and its matcher alone.
enum class SimpleKind {
    type,
    id,
    class_name,
    attribute,
    nth_child,
    nth_last_child,
    nth_of_type,
    nth_last_of_type,
    only_child,
    only_of_type,
    empty,
    root,
    matches_not,
    matches_is,
    has,
};

struct CompoundSelector;
enum class Combinator : char { none, descendant = ' ', child = '>', next = '+', later = '~' };

struct SimpleSelector {
    explicit SimpleSelector(SimpleKind of = SimpleKind::type, std::string called = {},
                            std::string text = {});

    SimpleKind kind;
    std::string name;    // type, attribute name
    std::string value;   // id, class, attribute value
    char operation = 0;  // of an attribute: 0 present, '=' '~' '|' '^' '$' '*'
    bool fold_case = false;
    bool templated = false;
    int step = 0;  // an+b
    int offset = 0;
    unsigned tag = 0;  // gumbo's number of a type
    std::vector<Selector::Complex> list;
};

struct CompoundSelector {
    Combinator before = Combinator::none;  // to the compound on the left
    std::vector<SimpleSelector> simples;
};

struct Selector::Complex {
    std::vector<CompoundSelector> compounds;  // from left to right
};

// Here, where all that `list` holds is known.
inline SimpleSelector::SimpleSelector(SimpleKind of, std::string called, std::string text)
    : kind(of), name(std::move(called)), value(std::move(text)) {}

inline bool is_css_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

}  // namespace tapedeck
