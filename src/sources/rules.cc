#include "sources/rules.h"

namespace tapedeck {
namespace {

void add(const std::optional<Selector>& selector, AttributeUses& uses) {
    if (selector) selector->add_uses(uses);
}

void add(const Field& field, AttributeUses& uses) {
    for (const Finder& finder : field) {
        if (!finder.selector) continue;
        add(finder.selector, uses);
        if (!finder.attribute.empty()) finder.selector->add_reading(finder.attribute, uses);
    }
}

// What `field`, of a rule with the document `own` or none, looks for in its documents.
void add(const Field& field, std::optional<std::size_t> own, const RuleSet& rules,
         JsonShape& shape) {
    for (const Finder& finder : field) {
        const auto document = finder.document ? finder.document : own;
        if (finder.kind != Finder::Kind::pointer || !document) continue;
        const DocumentSpec& spec = rules.documents[*document];
        if (!spec.script || !spec.unwrap.empty()) continue;
        if (spec.entries.empty()) shape.add({}, finder.path);
        for (const JsonPath& entry : spec.entries) shape.add(entry, finder.path);
    }
}

}  // namespace

AttributeUses attributes_of(const RuleSet& rules) {
    AttributeUses names;
    // What hides an element, see HtmlTree::is_hidden.
    names.add({"hidden"});
    names.add({"style", {}, {{'*', "none", true}}});
    names.add({"id", {}, {{'^', "S:", false}}});
    add(rules.symbol, names);
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

JsonShape script_json_of(const RuleSet& rules) {
    JsonShape shape;
    for (const DocumentSpec& spec : rules.documents) {
        if (!spec.script) continue;
        if (!spec.unwrap.empty()) {
            shape.add({}, spec.unwrap[0]);  // a string: what is in it is read whole
            continue;
        }
        for (const JsonPath& entry : spec.entries) {
            shape.add_way(entry);
            for (const JsonPath& match : spec.match) shape.add(entry, match);
        }
        for (const JsonPath& match : spec.match) {
            if (spec.entries.empty()) shape.add({}, match);
        }
    }
    add(rules.symbol, std::nullopt, rules, shape);
    for (const Rule& rule : rules.rules) {
        for (const Field* field : {&rule.match, &rule.symbol, &rule.price, &rule.full_name,
                                   &rule.previous_close, &rule.currency, &rule.as_of}) {
            add(*field, rule.document, rules, shape);
        }
    }
    return shape;
}

}  // namespace tapedeck
