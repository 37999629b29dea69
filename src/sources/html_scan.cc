#include "sources/html_scan.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "sources/text.h"

namespace tapedeck {
namespace {

constexpr bool is_html_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

template <std::size_t N>
bool one_of(std::string_view name, const std::array<std::string_view, N>& names) {
    return std::ranges::any_of(names, [&](std::string_view n) { return equal_folded(name, n); });
}

// Elements that draw and hold no words: an <svg> of these alone can be left out.
constexpr std::array<std::string_view, 20> kDrawing{
    "path",    "g",       "circle",   "rect", "line",     "polyline",      "polygon",
    "ellipse", "defs",    "use",      "mask", "stop",     "filter",        "symbol",
    "animate", "feblend", "feoffset", "svg",  "clippath", "lineargradient"};
// Elements of a foreign tree within which HTML may begin, or words stand as in HTML.
constexpr std::array<std::string_view, 11> kIntegration{
    "foreignobject", "annotation-xml", "mi",     "mo",    "mn",  "ms",
    "mtext",         "math",           "script", "image", "font"};
// Elements that are taken along where they hold nothing but text.
constexpr std::array<std::string_view, 3> kWords{"title", "desc", "style"};
// HTML 13.2.6.5: start tags that end foreign content.
constexpr std::array<std::string_view, 44> kBreakout{
    "b",      "big",  "blockquote", "body",  "br",   "center", "code",    "dd",   "div",
    "dl",     "dt",   "em",         "embed", "h1",   "h2",     "h3",      "h4",   "h5",
    "h6",     "head", "hr",         "i",     "img",  "li",     "listing", "menu", "meta",
    "nobr",   "ol",   "p",          "pre",   "ruby", "s",      "small",   "span", "strong",
    "strike", "sub",  "sup",        "table", "tt",   "u",      "ul",      "var"};
constexpr std::array<std::string_view, 8> kRawText{"style",    "xmp",      "iframe", "noembed",
                                                   "noframes", "textarea", "title",  "noscript"};

// The tree builder leaves out a line break that follows their start tag (13.2.6.4.7).
constexpr std::array<std::string_view, 2> kVerbatim{"pre", "listing"};
constexpr std::size_t kShortRun = 3;  // blanks that are not worth a piece of their own

// Of these, several alike that were left open are told apart by their attributes (13.2.4.3).
constexpr std::array<std::string_view, 13> kFormatting{
    "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"};
// The tree builder itself looks at attributes of these.
constexpr std::array<std::string_view, 3> kBuilding{"input", "annotation-xml", "isindex"};
// A second tag adds to the attributes of the first.
constexpr std::array<std::string_view, 2> kAddedTo{"html", "body"};

// One tag: '<' at `begin`, `end` after '>' (the page's size where it is cut).
struct Tag {
    std::string_view name;
    std::string_view attributes;
    std::size_t end = 0;
    bool closing = false;
    bool self_closing = false;
    bool complete = false;
};

// `at` is at '<', and a letter follows it or its '/'.
Tag read_tag(std::string_view page, std::size_t at) {
    Tag tag;
    std::size_t i = at + 1;
    if (page[i] == '/') {
        tag.closing = true;
        ++i;
    }
    const std::size_t name_begin = i;
    while (i < page.size() && !is_html_space(page[i]) && page[i] != '/' && page[i] != '>') ++i;
    tag.name = page.substr(name_begin, i - name_begin);
    const std::size_t attributes_begin = i;
    while (i < page.size() && page[i] != '>') {
        if (page[i] != '=') {
            ++i;
            continue;
        }
        // '=' at the start of a name belongs to the name; after one it is followed by a value.
        std::size_t before = i;
        while (before > attributes_begin && is_html_space(page[before - 1])) --before;
        const bool named = before > attributes_begin && page[before - 1] != '/';
        ++i;
        if (!named) continue;
        while (i < page.size() && is_html_space(page[i])) ++i;
        if (i >= page.size() || page[i] == '>') break;
        if (page[i] == '"' || page[i] == '\'') {
            const std::size_t close = page.find(page[i], i + 1);
            i = close == std::string_view::npos ? page.size() : close + 1;
        } else {
            while (i < page.size() && !is_html_space(page[i]) && page[i] != '>') ++i;
        }
    }
    tag.attributes = page.substr(attributes_begin, i - attributes_begin);
    tag.complete = i < page.size();
    tag.self_closing = tag.complete && i > at && page[i - 1] == '/';
    tag.end = std::min(i + 1, page.size());
    return tag;
}

struct RawAttribute {
    std::string_view name;
    std::string_view value;  // as written, without quotes
    std::size_t begin = 0;   // of the name
    std::size_t end = 0;     // behind the value and its quote
};

// The attribute that begins at or behind `at` (13.2.5.32 to .39), which moves behind it.
RawAttribute next_attribute(std::string_view attributes, std::size_t& at) {
    std::size_t& i = at;
    while (i < attributes.size() && (is_html_space(attributes[i]) || attributes[i] == '/')) ++i;
    RawAttribute found;
    found.begin = i;
    while (i < attributes.size() && !is_html_space(attributes[i]) && attributes[i] != '/' &&
           (attributes[i] != '=' || i == found.begin)) {
        ++i;
    }
    found.name = attributes.substr(found.begin, i - found.begin);
    found.end = i;
    while (i < attributes.size() && is_html_space(attributes[i])) ++i;
    if (i >= attributes.size() || attributes[i] != '=') return found;
    ++i;
    while (i < attributes.size() && is_html_space(attributes[i])) ++i;
    if (i < attributes.size() && (attributes[i] == '"' || attributes[i] == '\'')) {
        const std::size_t close =
            std::min(attributes.find(attributes[i], i + 1), attributes.size());
        found.value = attributes.substr(i + 1, close - i - 1);
        i = std::min(close + 1, attributes.size());
    } else {
        const std::size_t from = i;
        while (i < attributes.size() && !is_html_space(attributes[i])) ++i;
        found.value = attributes.substr(from, i - from);
    }
    found.end = i;
    return found;
}

// Whether "</name" followed by an end of name stands at `at`.
bool ends_element(std::string_view page, std::size_t at, std::string_view name) {
    if (page.size() - at < name.size() + 3 || page[at + 1] != '/') return false;
    const char after = page[at + 2 + name.size()];
    return equal_folded(page.substr(at + 2, name.size()), name) &&
           (is_html_space(after) || after == '/' || after == '>');
}

std::size_t find_element_end(std::string_view page, std::size_t from, std::string_view name) {
    for (std::size_t at = from; (at = page.find('<', at)) != std::string_view::npos; ++at) {
        if (ends_element(page, at, name)) return at;
    }
    return page.size();
}

// Where the end tag of a script that begins at `from` stands: "<!--" followed by "<script" hides
// the next "</script" (13.2.5.15 to .31).
std::size_t find_script_end(std::string_view page, std::size_t from) {
    enum class State { plain, escaped, doubly } state = State::plain;
    for (std::size_t at = from; at < page.size(); ++at) {
        if (state == State::plain) {
            at = page.find('<', at);
            if (at == std::string_view::npos) return page.size();
        }
        const char c = page[at];
        if (c == '-' && state != State::plain && page.substr(at, 3) == "-->") {
            state = State::plain;
            at += 2;
        } else if (c == '<' && state == State::plain && page.substr(at, 4) == "<!--") {
            state = State::escaped;
            at += 1;  // "<!-->" ends at once: its dashes count
        } else if (c == '<' && ends_element(page, at, "script")) {
            if (state != State::doubly) return at;
            state = State::escaped;
        } else if (c == '<' && state == State::escaped &&
                   equal_folded(page.substr(at + 1, 6), "script") && at + 7 < page.size() &&
                   (is_html_space(page[at + 7]) || page[at + 7] == '/' || page[at + 7] == '>')) {
            state = State::doubly;
        }
    }
    return page.size();
}

// The end of a comment whose "<!--" begins at `at`: after "-->" or "--!>".
std::size_t comment_end(std::string_view page, std::size_t at) {
    for (std::size_t dash = at + 2; (dash = page.find("--", dash)) != std::string_view::npos;
         ++dash) {
        if (page.substr(dash + 2, 1) == ">") return dash + 3;
        if (dash > at + 2 && page.substr(dash + 2, 2) == "!>") return dash + 4;
    }
    return page.size();
}

// What an <svg> or <math> holds, from behind its start tag.
struct Foreign {
    std::size_t end = 0;    // where its end tag begins
    bool sure = false;      // no doubt that the tree builder ends it there too
    bool drawing = false;   // it holds no words
    std::size_t blank = 0;  // where one of its blanks stands; 0: it has none
};

// Follows the elements by their names. Anything by which a tree builder might leave the foreign
// tree early, or enter HTML within it, makes it unsure.
Foreign read_foreign(std::string_view page, std::size_t from, std::string_view root) {
    Foreign foreign;
    foreign.drawing = equal_folded(root, "svg");
    std::vector<std::string_view> open{root};
    for (std::size_t at = from; at < page.size();) {
        if (page[at] != '<') {
            if (is_html_space(page[at])) {
                foreign.blank = at;
            } else {
                foreign.drawing = false;
            }
            ++at;
            continue;
        }
        if (page.substr(at, 4) == "<!--") {
            at = comment_end(page, at);
            continue;
        }
        const std::size_t letter = at + (page.substr(at + 1, 1) == "/" ? 2 : 1);
        if (letter >= page.size() || !is_letter(page[letter])) return foreign;
        const Tag tag = read_tag(page, at);
        if (!tag.complete || open.size() > 64) return foreign;
        if (tag.closing) {
            const auto match = std::ranges::find_if(
                open, [&](std::string_view name) { return equal_folded(name, tag.name); });
            if (match == open.end()) return foreign;
            while (!equal_folded(open.back(), tag.name)) open.pop_back();
            open.pop_back();
            if (open.empty()) {
                foreign.end = at;
                foreign.sure = true;
                return foreign;
            }
        } else if (one_of(tag.name, kBreakout) || one_of(tag.name, kIntegration)) {
            return foreign;
        } else if (one_of(tag.name, kWords) && !tag.self_closing) {
            const std::size_t close = page.find('<', tag.end);
            if (close == std::string_view::npos || !ends_element(page, close, tag.name)) {
                return foreign;
            }
            foreign.drawing = false;
            at = read_tag(page, close).end;
            continue;
        } else {
            if (!one_of(tag.name, kDrawing)) foreign.drawing = false;
            if (!tag.self_closing) open.push_back(tag.name);
        }
        at = tag.end;
    }
    return foreign;
}

class Scanner {
public:
    Scanner(std::string_view page, const AttributeUses* attributes)
        : page_(page), attributes_(attributes) {
        scan_.pruned.reserve(page.size() / 2);
    }

    HtmlScan run() && {
        std::size_t at = 0;
        while (at < page_.size()) {
            const std::size_t tag = std::min(page_.find('<', at), page_.size());
            fold_blanks(at, tag);
            if (tag + 1 >= page_.size()) break;
            at = markup(tag);
        }
        keep_until(page_.size());
        return std::move(scan_);
    }

private:
    // Reads what begins with the '<' at `at`; returns where to go on.
    std::size_t markup(std::size_t at) {
        const char next = page_[at + 1];
        if (next == '!') {
            if (page_.substr(at, 4) != "<!--") return bogus_end(at);
            const std::size_t end = comment_end(page_, at);
            // Behind <pre> it parts the start tag from a line break.
            const bool parts = after_pre_ || (seen_table_ && parts_texts(end));
            if (!parts && !would_join(at)) {
                drop(at, end);
            } else {
                text_ = Text::none;
            }
            return end;
        }
        if (next == '?') return bogus_end(at);
        if (next == '/') {
            if (at + 2 >= page_.size()) return page_.size();
            if (!is_letter(page_[at + 2])) return bogus_end(at);
        } else if (!is_letter(next)) {
            text_ = Text::words;
            return at + 1;
        }
        return element(read_tag(page_, at));
    }

    // Of a run of blanks in a text only the last is left. Behind <pre> the first line break does
    // not count, so that a run there stays as it is.
    void fold_blanks(std::size_t from, std::size_t to) {
        for (std::size_t at = from; at < to; ++at) {
            if (!is_html_space(page_[at])) continue;
            const std::size_t begin = at;
            while (at + 1 < to && is_html_space(page_[at + 1])) ++at;
            if (at - begin >= kShortRun && !(after_pre_ && begin == from)) drop(begin, at);
        }
        if (from == to) return;
        after_pre_ = false;
        if (text_ != Text::words) text_ = is_blank(from, to) ? Text::blank : Text::words;
    }

    bool is_blank(std::size_t from, std::size_t to) const {
        return std::all_of(page_.begin() + static_cast<std::ptrdiff_t>(from),
                           page_.begin() + static_cast<std::ptrdiff_t>(to), is_html_space);
    }

    // Whether a comment that ends at `end` parts blanks from words: in a table the ones stay in it,
    // and the others belong before it.
    bool parts_texts(std::size_t end) const {
        if (text_ != Text::words) return text_ == Text::blank;
        const std::size_t next = std::min(page_.find('<', end), page_.size());
        return next != end && is_blank(end, next);
    }

    // Whether what stands before the comment at `at` could become a tag or a character reference
    // together with what stands behind it: "<<!-- -->b>", "&am<!-- -->p;".
    bool would_join(std::size_t at) const {
        const std::size_t from = at < 40 ? 0 : at - 40;
        const std::string_view before = page_.substr(from, at - from);
        const std::size_t last = before.find_last_of("<&>");
        return last != std::string_view::npos && before[last] != '>';
    }

    std::size_t bogus_end(std::size_t at) {
        text_ = Text::none;
        const std::size_t end = page_.find('>', at);
        return end == std::string_view::npos ? page_.size() : end + 1;
    }

    std::size_t element(const Tag& tag) {
        text_ = Text::none;
        if (tag.closing) {
            if (equal_folded(tag.name, "html")) scan_.has_html_end = true;
            return tag.end;
        }
        if (attributes_ != nullptr && tag.complete && !one_of(tag.name, kFormatting) &&
            !one_of(tag.name, kBuilding)) {
            drop_attributes(tag);
        }
        if (equal_folded(tag.name, "script")) {
            const std::size_t end = find_script_end(page_, tag.end);
            scan_.scripts.push_back(
                {tag.name, tag.attributes, page_.substr(tag.end, end - tag.end)});
            drop(tag.end, end);
            return end;
        }
        if (one_of(tag.name, kRawText)) return raw_text(tag);
        after_pre_ = one_of(tag.name, kVerbatim);
        if (equal_folded(tag.name, "table")) seen_table_ = true;
        if (equal_folded(tag.name, "plaintext")) return page_.size();
        if (tag.self_closing || unsure_) return tag.end;
        if (!equal_folded(tag.name, "svg") && !equal_folded(tag.name, "math")) return tag.end;
        const Foreign foreign = read_foreign(page_, tag.end, tag.name);
        if (!foreign.sure) {
            // From here on the tree builder may see other elements than this scanner: scripts are
            // still looked for, but nothing more is left out.
            unsure_ = true;
            return tag.end;
        }
        if (foreign.drawing && foreign.blank != 0) drop(tag.end, foreign.blank);
        if (foreign.drawing) drop(std::max(tag.end, foreign.blank + 1), foreign.end);
        return foreign.end;
    }

    // Leaves out those in which nobody would see what it looks for.
    void drop_attributes(const Tag& tag) {
        if (!list_attributes(tag.attributes)) return;
        const bool added_to = one_of(tag.name, kAddedTo);
        const auto offset = static_cast<std::size_t>(tag.attributes.data() - page_.data());
        std::uint64_t seen = 0;  // by number: the first of a name counts, even if it is left out
        for (const RawAttribute& attribute : listed_) {
            const std::size_t number = attributes_->find(attribute.name);
            if (number != AttributeUses::kNone) {
                if (added_to || number >= 64) continue;
                const std::uint64_t bit = std::uint64_t{1} << number;
                const bool first = (seen & bit) == 0;
                seen |= bit;
                if (first && attributes_->may_hold(number, tag.name, attribute.value)) continue;
            }
            drop(offset + blanks_before(tag.attributes, attribute), offset + attribute.end);
        }
    }

    // False where a '/' or '=' stands so that it would mean something else beside a gap.
    bool list_attributes(std::string_view text) {
        listed_.clear();
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t from = at;
            const RawAttribute attribute = next_attribute(text, at);
            if (attribute.name.empty()) break;
            if (attribute.name[0] == '=') return false;
            if (text.substr(from, attribute.begin - from).find('/') != std::string_view::npos) {
                return false;
            }
            listed_.push_back(attribute);
        }
        return true;
    }

    // Where the blanks before an attribute begin, if those behind it, or the tag's end, still part
    // what is left.
    static std::size_t blanks_before(std::string_view text, const RawAttribute& attribute) {
        std::size_t begin = attribute.begin;
        if (attribute.end < text.size() && !is_html_space(text[attribute.end])) return begin;
        while (begin > 0 && is_html_space(text[begin - 1])) --begin;
        return begin;
    }

    std::size_t raw_text(const Tag& tag) {
        const std::size_t end = find_element_end(page_, tag.end, tag.name);
        const std::string_view content = page_.substr(tag.end, end - tag.end);
        // A browser that runs scripts takes <noscript> for text, and shows none of it.
        if (equal_folded(tag.name, "style") || equal_folded(tag.name, "noscript")) {
            drop(tag.end, end);
        }
        if (equal_folded(tag.name, "title") && !scan_.has_title) {
            scan_.has_title = true;
            scan_.title = content;
        }
        return end;
    }

    void keep_until(std::size_t end) {
        if (end <= kept_) return;
        scan_.pieces.emplace_back(scan_.pruned.size(), kept_);
        scan_.pruned.append(page_.substr(kept_, end - kept_));
        kept_ = end;
    }

    void drop(std::size_t begin, std::size_t end) {
        if (unsure_) return;
        keep_until(begin);
        kept_ = std::max(kept_, end);
    }

    std::string_view page_;
    const AttributeUses* attributes_;  // null: all are kept
    HtmlScan scan_;
    std::vector<RawAttribute> listed_;  // of one tag
    std::size_t kept_ = 0;              // up to here every byte is kept or dropped
    bool unsure_ = false;
    bool seen_table_ = false;
    // Of what was read last, comments that are left out aside: it is the start tag of a kVerbatim.
    bool after_pre_ = false;
    enum class Text { none, blank, words } text_ = Text::none;  // since the last tag
};

}  // namespace

std::size_t HtmlScan::original_offset(std::size_t at) const {
    auto piece = std::upper_bound(pieces.begin(), pieces.end(), at,
                                  [](std::size_t a, const auto& p) { return a < p.first; });
    if (piece == pieces.begin()) return at;
    --piece;
    return piece->second + (at - piece->first);
}

HtmlScan scan_html(std::string_view page, const AttributeUses* attributes) {
    return Scanner(page, attributes).run();
}

bool raw_attribute(std::string_view attributes, std::string_view name, std::string& value) {
    for (std::size_t at = 0; at < attributes.size();) {
        const RawAttribute attribute = next_attribute(attributes, at);
        if (!attribute.name.empty() && equal_folded(attribute.name, name)) {
            value = resolve_entities(attribute.value);
            return true;
        }
    }
    return false;
}

}  // namespace tapedeck
