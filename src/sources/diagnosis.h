#pragma once

#include <optional>

#include "sources/page_view.h"

namespace tapedeck {

// Names what a page is in place of a quote: the source's own error rules, the HTTP status, an empty
// body, robot checks and throttling as they look everywhere. Nothing where it may be a quote.
//
// `after_rules` is the second look, once no rule has read anything: what costs a tree of a large
// page is only asked then, an answer is asked for the status that it says of itself ({"code":429}
// with a 200), and a page that was cut is told apart.
std::optional<Failure> diagnose(const Source& source, const RuleSet& rules, const Page& page,
                                PageView& view, const Names& names, bool after_rules);

}  // namespace tapedeck
