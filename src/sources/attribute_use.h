#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tapedeck {

// Whether an attribute's value passes a selector's test: 0 it is there, '=' '~' '|' '^' '$' '*' as
// in [a~="b"].
bool attribute_holds(std::string_view found, char operation, std::string_view value,
                     bool fold_case);

// One thing that a selector wants to see in an attribute.
struct AttributeTest {
    char operation = 0;  // as of attribute_holds
    std::string value = {};
    bool fold_case = false;
};

// All that one compound selector wants to see in an attribute, or that a finder reads it.
struct AttributeUse {
    std::string name;
    std::string tag = {};  // of these elements alone; empty: of any
    std::vector<AttributeTest> tests = {};
};

// The attributes that the rules of a source look at, and what they want to see there: what none of
// them would see can be left out of a page without any of them finding something else.
class AttributeUses {
public:
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

    // The name in any case.
    void add(AttributeUse use);

    // The number of the attribute (from 0, without a gap), compared without case; kNone where
    // nobody looks at it.
    std::size_t find(std::string_view name) const;

    // Whether `raw`, the value as the page writes it, may be what some use of attribute `number`
    // wants on an element called `tag`. True in doubt: entities are not resolved here.
    bool may_hold(std::size_t number, std::string_view tag, std::string_view raw) const;

private:
    struct Named {
        std::string name;  // lower case
        std::vector<AttributeUse> uses;
    };
    std::vector<Named> names_;
};

}  // namespace tapedeck
