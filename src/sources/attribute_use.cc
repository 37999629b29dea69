#include "sources/attribute_use.h"

#include <algorithm>

#include "sources/text.h"

namespace tapedeck {
namespace {

bool is_word_end(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'; }

bool has_word(std::string_view words, std::string_view word) {
    if (word.empty()) return false;
    for (std::size_t at = 0; (at = words.find(word, at)) != std::string_view::npos; ++at) {
        const std::size_t end = at + word.size();
        if ((at == 0 || is_word_end(words[at - 1])) &&
            (end == words.size() || is_word_end(words[end]))) {
            return true;
        }
    }
    return false;
}

// Bytes that the tokenizer hands on as they are.
bool is_plain(std::string_view raw) {
    return std::ranges::all_of(raw, [](char c) {
        return (c >= ' ' && c <= '~' && c != '&') || c == '\t' || c == '\n' || c == '\f';
    });
}

bool is_of(const AttributeUse& use, std::string_view tag) {
    // The tree builder makes an <img> of an <image>.
    return use.tag.empty() || equal_folded(use.tag, tag) ||
           (equal_folded(tag, "image") && equal_folded(use.tag, "img"));
}

}  // namespace

bool attribute_holds(std::string_view found, char operation, std::string_view value,
                     bool fold_case) {
    std::string folded_found;
    std::string folded_value;
    if (fold_case) {
        folded_found = lower_ascii(found);
        folded_value = lower_ascii(value);
        found = folded_found;
        value = folded_value;
    }
    switch (operation) {
        case 0:
            return true;
        case '=':
            return found == value;
        case '~':
            return has_word(found, value);
        case '|':
            return found.starts_with(value) &&
                   (found.size() == value.size() || found[value.size()] == '-');
        case '^':
            return !value.empty() && found.starts_with(value);
        case '$':
            return !value.empty() && found.ends_with(value);
        case '*':
            return !value.empty() && found.find(value) != std::string_view::npos;
        default:
            return false;
    }
}

void AttributeUses::add(AttributeUse use) {
    std::size_t number = find(use.name);
    if (number == kNone) {
        number = names_.size();
        names_.push_back({lower_ascii(use.name), {}});
    }
    names_[number].uses.push_back(std::move(use));
}

std::size_t AttributeUses::find(std::string_view name) const {
    for (std::size_t i = 0; i < names_.size(); ++i) {
        if (names_[i].name.size() == name.size() && equal_folded(names_[i].name, name)) return i;
    }
    return kNone;
}

bool AttributeUses::may_hold(std::size_t number, std::string_view tag, std::string_view raw) const {
    const auto wants = [&](const AttributeUse& use) {
        return is_of(use, tag) && std::ranges::all_of(use.tests, [&](const AttributeTest& test) {
                   return attribute_holds(raw, test.operation, test.value, test.fold_case);
               });
    };
    return std::ranges::any_of(names_[number].uses, wants) || !is_plain(raw);
}

}  // namespace tapedeck
