#include "sources/rules.h"

namespace tapedeck {
namespace {

using Attributes = std::set<std::string, std::less<>>;

void add(const std::optional<Selector>& selector, Attributes& names) {
    if (selector) selector->add_attributes(names);
}

void add(const Field& field, Attributes& names) {
    for (const Finder& finder : field) {
        add(finder.selector, names);
        if (!finder.attribute.empty()) names.insert(lower_ascii(finder.attribute));
    }
}

}  // namespace

Attributes attributes_of(const RuleSet& rules) {
    Attributes names;
    add(rules.symbol, names);
    for (const DocumentSpec& document : rules.documents) add(document.script, names);
    for (const ErrorRule& error : rules.errors) add(error.css, names);
    for (const Rule& rule : rules.rules) {
        add(rule.entries, names);
        add(rule.when, names);
        for (const Field* field : {&rule.match, &rule.symbol, &rule.price, &rule.full_name,
                                   &rule.previous_close, &rule.currency, &rule.as_of}) {
            add(*field, names);
        }
    }
    return names;
}

}  // namespace tapedeck
