#pragma once

#include <optional>
#include <string>
#include <vector>

#include "market/price_text.h"
#include "market/reason.h"
#include "sources/json_tree.h"
#include "sources/page_time.h"
#include "sources/selector.h"

namespace tapedeck {

// What docs/sources.md describes, compiled. Everything here is immutable once parsed.

// Where a JSON text stands and which of its entries is the instrument's.
struct DocumentSpec {
    std::string name;                // [json.NAME]; empty for a rule's own
    std::optional<Selector> script;  // none: the body is the JSON
    std::string after;               // the JSON begins behind this text of the script
    std::vector<JsonPath> unwrap;    // strings that hold JSON, one inside the other
    std::vector<JsonPath> entries;   // alternatives; empty: the whole is the one entry
    std::vector<JsonPath> match;     // within an entry: what must equal instrument or symbol
};

// One way to find one text.
struct Finder {
    enum class Kind { constant, pointer, css, label, title } kind = Kind::constant;
    std::string constant;
    std::optional<std::size_t> document;  // of `pointer`; none: the rule's own
    JsonPath path;
    std::optional<Selector> selector;
    std::string attribute;  // of `css`; empty: the text
    std::string label;      // the text of the element beside which the value stands
    // What is cut off the text, in this order; where a mark is missing the finder finds nothing.
    std::string after, after_last, before, before_last;
    std::vector<std::string> ends_with;  // the text becomes the one of these it ends with
    std::string append;
    DecimalMark decimal_mark = DecimalMark::point;
    TimeUnit unit = TimeUnit::automatic;
    std::optional<Zone> zone;    // of a time that names none
    bool whole_seconds = false;  // of a time: cut to the second
};
using Field = std::vector<Finder>;  // the first that finds something counts

struct Rule {
    std::string name;                     // the rule's own
    std::optional<std::size_t> document;  // that its pointers go into
    std::optional<Selector> entries;      // rows of a page
    std::optional<Selector> when;         // the page must have this, or the rule is passed over
    Field match;                          // within a row: what must equal instrument or symbol
    Field symbol;                         // what the page says of itself, for this rule alone
    Field price, full_name, previous_close, currency, as_of;
    bool names_instrument = false;  // {symbol} in the price's finders, or match
};

// Recognises a page that holds no price and says why. All conditions given must hold, each with any
// of its values.
struct ErrorRule {
    Reason reason = Reason::malformed;
    std::vector<int> status;
    std::vector<std::string> title;  // begins so, folded, without case
    std::vector<std::string> text;   // stands anywhere in a body of at most 256 KiB, without case
    std::vector<std::string> url;
    std::optional<Selector> css;
    std::vector<JsonPath> pointers;   // any that leads to a scalar (or, without equals, anything)
    std::vector<std::string> equals;  // and its text is one of these; empty: it need only be there
    std::vector<std::string> contains;  // or holds one of these
};

struct RuleSet {
    bool identity_page = true;
    std::string currency;                       // expected; empty: any known one
    std::vector<std::string> asked_currencies;  // that the URL asks for; empty: it leaves that open
    Field symbol;                               // [page] symbol: what the page says of itself
    std::vector<DocumentSpec> documents;
    std::vector<Rule> rules;
    std::vector<ErrorRule> errors;
    // What finders and selectors look for in attributes: a tree needs no others. (Scripts are
    // found by the page's own.)
    AttributeUses attributes;
    // What pointers look for in the JSON of scripts.
    JsonShape script_json;
};

// What belongs into `attributes` and `script_json`, by everything else that stands in `rules`.
AttributeUses attributes_of(const RuleSet& rules);
JsonShape script_json_of(const RuleSet& rules);

}  // namespace tapedeck
