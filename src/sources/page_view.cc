#include "sources/page_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace tapedeck {
namespace {

constexpr std::size_t kMostElements = 200;    // that one finder looks at
constexpr std::size_t kMostEntries = 50'000;  // of one document

std::string key_of(std::string_view text) { return lower_ascii(fold_space(text)); }

// Keeps what stands after the first (or last) `mark`, or before it.
bool keep_part(std::string& text, const std::string& mark, bool after, bool last) {
    if (mark.empty()) return true;
    const std::size_t at = last ? text.rfind(mark) : text.find(mark);
    if (at == std::string::npos) return false;
    text = after ? text.substr(at + mark.size()) : text.substr(0, at);
    return true;
}

// The numbers of the entries whose text is the instrument's or the symbol's; the instrument first.
template <class Keys>
const std::vector<std::size_t>* look_up(const Keys& keys, const Names& names) {
    auto found = keys.find(key_of(names.instrument));
    if (found == keys.end()) found = keys.find(key_of(names.symbol));
    return found == keys.end() ? nullptr : &found->second;
}

}  // namespace

bool cut_text(const Finder& finder, const Names& names, std::string& text) {
    const auto filled = [&](const std::string& mark) { return fill_in(mark, names); };
    if (!keep_part(text, filled(finder.after), true, false)) return false;
    if (!keep_part(text, filled(finder.after_last), true, true)) return false;
    if (!keep_part(text, filled(finder.before), false, false)) return false;
    if (!keep_part(text, filled(finder.before_last), false, true)) return false;
    if (!finder.ends_with.empty()) {
        const auto ending = std::ranges::find_if(finder.ends_with, [&](const std::string& end) {
            return text.size() > end.size() &&
                   equal_folded(std::string_view(text).substr(text.size() - end.size()), end);
        });
        if (ending == finder.ends_with.end()) return false;
        text = *ending;
    }
    if (!finder.append.empty() && !text.empty()) text += filled(finder.append);
    return !trim(text).empty();
}

const HtmlScan& PageView::scan() {
    if (!scan_) scan_ = scan_html(page_.body, &rules_.attributes);
    return *scan_;
}

const HtmlTree* PageView::tree() {
    if (tree_tried_) return tree_.get();
    tree_tried_ = true;
    if (looks_like_json()) {
        tree_error_ = "the body is JSON and no page";
        return nullptr;
    }
    auto tree = HtmlTree::build(scan(), page_.body.size());
    if (tree) {
        tree_ = std::move(*tree);
    } else {
        tree_error_ = tree.error().what;
    }
    return tree_.get();
}

std::string PageView::title() { return fold_space(resolve_entities(scan().title)); }

bool PageView::has(const Selector& selector, const Names& names) {
    const HtmlTree* page = tree();
    if (page == nullptr) return false;
    const auto size = static_cast<HtmlTree::Index>(page->nodes().size());
    if (!selector.has_placeholder()) {  // of every instrument the same
        const auto [known, fresh] = has_.try_emplace(&selector, false);
        if (fresh) known->second = !selector.find(*page, 0, size, 1, names, budget_).empty();
        return known->second;
    }
    return !selector.find(*page, 0, size, 1, names, budget_).empty();
}

bool begins_as_json(std::string_view body) {
    if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
    const std::size_t at = body.find_first_not_of(" \t\r\n");
    return at != std::string_view::npos && (body[at] == '{' || body[at] == '[');
}

bool PageView::looks_like_html() const {
    const std::string head = lower_ascii(page_.body.substr(0, 1024));
    return head.find("<!doctype html") != std::string::npos ||
           head.find("<html") != std::string::npos;
}

const LoadedJson* PageView::body_json() {
    if (body_tried_) return body_json_.get();
    body_tried_ = true;
    if (!looks_like_json()) {
        body_json_error_ = looks_like_html() ? "a page came in place of JSON" : "not JSON";
        return nullptr;
    }
    std::string_view body = page_.body;
    const std::size_t mark = body.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    auto tree = JsonTree::parse(body.substr(mark));
    if (!tree) {
        body_json_error_ = tree.error().what;
        return nullptr;
    }
    body_json_ = std::make_unique<LoadedJson>();
    body_json_->tree = std::move(*tree);
    body_json_->base = mark;
    body_json_->raw = body.substr(mark);
    return body_json_.get();
}

// Several documents may point into one script: it is parsed once.
const PageView::ParsedScript& PageView::parsed(std::string_view text) {
    const auto [place, fresh] = scripts_.try_emplace(text.data());
    ParsedScript& script = place->second;
    if (!fresh) return script;
    auto tree = JsonTree::parse_part(page_.body, text, rules_.script_json);
    if (!tree) {
        script.error = tree.error().what;
        return script;
    }
    script.json = std::make_unique<LoadedJson>();
    script.json->tree = std::move(*tree);
    script.json->base = static_cast<std::size_t>(text.data() - page_.body.data());
    script.json->raw = text;
    return script;
}

// Follows `unwrap` down from an outer text; what is left is where the entries are.
void PageView::add_leaf(const DocumentSpec& spec, const LoadedJson* json, LoadedDocument& loaded) {
    for (const JsonPath& path : spec.unwrap) {
        const auto found = json->tree->find(0, path, 1, {}, budget_);
        if (found.empty() || (*json->tree)[found[0]].kind != JsonTree::Kind::string) {
            loaded.error = "no JSON within the JSON";
            return;
        }
        auto tree = JsonTree::parse((*json->tree)[found[0]].text);
        if (!tree) {
            loaded.error = tree.error().what;
            return;
        }
        auto inner = std::make_unique<LoadedJson>();
        inner->tree = std::move(*tree);
        inner->outer = json;
        inner->outer_node = found[0];
        json = inner.get();
        loaded.inner.push_back(std::move(inner));
    }
    loaded.leaves.push_back(json);
}

void PageView::load_script(const DocumentSpec& spec, const RawElement& script,
                           LoadedDocument& loaded) {
    std::string_view text = script.content;
    if (!spec.after.empty()) {
        // find() stops at every letter like the first one.
        const void* mark = memmem(text.data(), text.size(), spec.after.data(), spec.after.size());
        if (mark == nullptr) return;
        const auto at = static_cast<std::size_t>(static_cast<const char*>(mark) - text.data());
        text.remove_prefix(at + spec.after.size());
        text = text.substr(0, json_extent(text));
    }
    const ParsedScript& json = parsed(text);
    if (json.json) {
        add_leaf(spec, json.json.get(), loaded);
    } else {
        loaded.error = json.error;
    }
}

PageView::LoadedDocument& PageView::load(std::size_t document) {
    const auto [place, fresh] = documents_.try_emplace(document);
    LoadedDocument& loaded = place->second;
    if (!fresh) return loaded;
    const DocumentSpec& spec = rules_.documents[document];
    if (!spec.script) {
        const LoadedJson* body = body_json();
        if (body == nullptr) {
            loaded.error = body_json_error_;
        } else {
            add_leaf(spec, body, loaded);
        }
        return loaded;
    }
    if (looks_like_json()) {
        loaded.error = "the body is JSON and no page";
        return loaded;
    }
    for (const RawElement& script : scan().scripts) {
        if (spec.script->matches_raw(script, {})) load_script(spec, script, loaded);
    }
    if (loaded.leaves.empty() && loaded.error.empty()) {
        loaded.error = fmt::format("no script matches {}", spec.script->text());
    }
    return loaded;
}

void PageView::list_entries(const DocumentSpec& spec, LoadedDocument& loaded, const Names& names) {
    loaded.listed_entries.clear();
    loaded.keys.assign(spec.match.size(), {});
    loaded.listed = true;
    for (const LoadedJson* leaf : loaded.leaves) {
        if (spec.entries.empty()) {
            loaded.listed_entries.push_back({leaf, 0});
            continue;
        }
        for (const JsonPath& path : spec.entries) {
            if (path.has_placeholder()) loaded.listed = false;  // another instrument, other entries
            for (const auto index : leaf->tree->find(0, path, kMostEntries, names, budget_)) {
                loaded.listed_entries.push_back({leaf, index});
            }
        }
    }
    for (std::size_t m = 0; m < spec.match.size(); ++m) {
        for (std::size_t e = 0; e < loaded.listed_entries.size(); ++e) {
            const EntryRef& entry = loaded.listed_entries[e];
            for (const auto at :
                 entry.json->tree->find(entry.index, spec.match[m], 1, names, budget_)) {
                const auto scalar = entry.json->tree->scalar(at);
                if (scalar == JsonTree::kNone) continue;
                loaded.keys[m][key_of((*entry.json->tree)[scalar].text)].push_back(e);
            }
        }
    }
}

std::vector<EntryRef> PageView::entries(std::size_t document, const Names& names, Failure& why) {
    const DocumentSpec& spec = rules_.documents[document];
    LoadedDocument& loaded = load(document);
    if (loaded.leaves.empty()) {
        why = {Reason::malformed, loaded.error};
        return {};
    }
    if (!loaded.listed) list_entries(spec, loaded, names);
    if (spec.match.empty()) {
        if (loaded.listed_entries.empty()) {
            // Where the path itself names the instrument, the answer lacks it.
            why = {loaded.listed ? Reason::malformed : Reason::not_found,
                   fmt::format("the JSON has no entry of {}", names.symbol)};
        }
        return loaded.listed_entries;
    }
    std::vector<EntryRef> found;
    for (const Keys& keys : loaded.keys) {
        const auto* numbers = look_up(keys, names);
        if (numbers == nullptr) continue;
        for (const std::size_t number : *numbers) found.push_back(loaded.listed_entries[number]);
        break;
    }
    if (!found.empty()) return found;
    // What a page carries beside its price may well lack the instrument; an answer may not.
    const bool answer = !spec.script;
    if (loaded.listed_entries.empty() && loaded.listed) {
        why = {Reason::malformed, "the JSON has no such entries"};
    } else if (loaded.listed_entries.size() == 1 && !loaded.keys[0].empty()) {
        why = {answer ? Reason::wrong_instrument : Reason::malformed,
               fmt::format("the JSON is of {}, not of {}", loaded.keys[0].begin()->first,
                           names.symbol)};
    } else if (loaded.listed_entries.size() == 1 || !answer) {
        why = {Reason::malformed, "the JSON does not say whose price it holds"};
    } else {
        why = {Reason::not_found, fmt::format("{} is not among the {} entries", names.symbol,
                                              loaded.listed_entries.size())};
    }
    return {};
}

std::vector<HtmlTree::Index> PageView::rows(const Rule& rule, const Names& names, Failure& why) {
    const HtmlTree* page = tree();
    if (page == nullptr) {
        why = {Reason::malformed, tree_error_};
        return {};
    }
    const auto [place, fresh] = rows_.try_emplace(&rule);
    LoadedRows& loaded = place->second;
    if (fresh || rule.entries->has_placeholder()) {
        loaded.keys.clear();
        loaded.rows =
            rule.entries->find(*page, 0, static_cast<HtmlTree::Index>(page->nodes().size()),
                               kMostEntries, names, budget_);
        for (std::size_t i = 0; i < loaded.rows.size(); ++i) {
            for (const Finder& finder : rule.match) {
                const auto text = find_one(finder, {std::nullopt, loaded.rows[i]}, names);
                if (text) loaded.keys[key_of(text->text)].push_back(i);
            }
        }
    }
    std::vector<HtmlTree::Index> found;
    if (rule.match.empty()) return loaded.rows;
    if (const auto* numbers = look_up(loaded.keys, names)) {
        for (const std::size_t number : *numbers) found.push_back(loaded.rows[number]);
    }
    if (found.empty() && !loaded.keys.empty()) {
        why = {Reason::not_found,
               fmt::format("{} is not among the {} rows", names.instrument, loaded.rows.size())};
    } else if (found.empty()) {
        why = {Reason::malformed, fmt::format("no row matches {}", rule.entries->text())};
    }
    return found;
}

std::pair<std::size_t, std::size_t> PageView::source_of(const LoadedJson& json, std::size_t at,
                                                        std::size_t size) const {
    const LoadedJson* text = &json;
    while (text->outer != nullptr) {
        const JsonTree::Node& holder = (*text->outer->tree)[text->outer_node];
        if (text->outer->outer != nullptr) return {0, 0};  // twice escaped: not followed
        const std::string_view raw = text->outer->raw.substr(holder.source_at, holder.source_size);
        const std::size_t begin = escaped_offset(raw, at);
        size = escaped_offset(raw, at + size) - begin;
        at = holder.source_at + begin;
        text = text->outer;
    }
    return {text->base + at, size};
}

std::optional<FoundText> PageView::find_pointer(const Finder& finder, const Place& place,
                                                const Names& names) {
    std::vector<EntryRef> entries;
    if (finder.document) {
        Failure ignored{};
        entries = this->entries(*finder.document, names, ignored);
    } else if (place.entry) {
        entries.push_back(*place.entry);
    }
    for (const EntryRef& entry : entries) {
        for (const auto at : entry.json->tree->find(entry.index, finder.path, 16, names, budget_)) {
            const auto scalar = entry.json->tree->scalar(at);
            if (scalar == JsonTree::kNone) continue;
            const JsonTree::Node& node = (*entry.json->tree)[scalar];
            FoundText found{std::string(node.text)};
            if (!cut_text(finder, names, found.text)) continue;
            std::tie(found.at, found.size) =
                source_of(*entry.json, node.source_at, node.source_size);
            return found;
        }
    }
    return std::nullopt;
}

FoundText PageView::element_text(HtmlTree::Index element) {
    FoundText found{tree_->text_of(element)};
    for (HtmlTree::Index i = element + 1; i < (*tree_)[element].end; ++i) {
        const HtmlTree::Node& node = (*tree_)[i];
        if (node.is_element()) {
            if (tree_->is_hidden(i)) i = node.end - 1;
            continue;
        }
        const HtmlTree::SourceSpan span = tree_->source_of(i);
        found.cut_off = found.cut_off || span.at_page_end;
        if (found.size != 0 || node.text.find_first_of("0123456789") == std::string_view::npos ||
            span.at + span.size > page_.body.size()) {
            continue;
        }
        // The text's own bytes, without the blanks around it.
        const std::string_view source = page_.body.substr(span.at, span.size);
        const std::string_view inner = trim(source);
        found.at = span.at + static_cast<std::size_t>(inner.data() - source.data());
        found.size = inner.size();
    }
    return found;
}

std::optional<FoundText> PageView::find_css(const Finder& finder, const Place& place,
                                            const Names& names) {
    const HtmlTree* page = tree();
    if (page == nullptr) return std::nullopt;
    const HtmlTree::Index from = place.row ? *place.row + 1 : 0;
    const auto end =
        place.row ? (*page)[*place.row].end : static_cast<HtmlTree::Index>(page->nodes().size());
    // Where nothing is cut the first match counts; else the first in which the marks stand.
    if (finder.selector->text() == ":scope") {
        if (!place.row) return std::nullopt;
        FoundText text;
        text.text = fold_space(page->attribute(*place.row, finder.attribute));
        if (finder.attribute.empty()) {
            if (page->is_unseen(*place.row)) return std::nullopt;
            text = element_text(*place.row);
        }
        if (!cut_text(finder, names, text.text)) return std::nullopt;
        return text;
    }
    HtmlTree::Index next = from;
    for (std::size_t tried = 0; tried < kMostElements; ++tried) {
        const auto found = finder.selector->find(*page, next, end, 1, names, budget_);
        if (found.empty()) break;
        next = found[0] + 1;
        const bool shown = finder.attribute.empty();
        budget_.pay(1);
        if (shown ? page->is_unseen(found[0]) : page->is_apart(found[0])) continue;
        FoundText text;
        if (finder.attribute.empty()) {
            text = element_text(found[0]);
        } else {
            text.text = fold_space(page->attribute(found[0], finder.attribute));
        }
        if (cut_text(finder, names, text.text)) return text;
    }
    return std::nullopt;
}

// The value beside a label: the smallest element whose whole text is the label, then its next
// sibling, or that of an element around it which holds nothing else.
std::optional<FoundText> PageView::find_label(const Finder& finder, const Place& place,
                                              const Names& names) {
    const HtmlTree* page = tree();
    if (page == nullptr) return std::nullopt;
    const std::string label = fold_space(fill_in(finder.label, names));
    const HtmlTree::Index from = place.row ? *place.row + 1 : 0;
    const auto end =
        place.row ? (*page)[*place.row].end : static_cast<HtmlTree::Index>(page->nodes().size());
    std::size_t tried = 0;
    for (HtmlTree::Index i = from; i < end && tried < kMostElements && !budget_.is_spent(); ++i) {
        const HtmlTree::Node& node = (*page)[i];
        budget_.pay(1 + node.text.size() / 32);
        if (node.is_element() || !equal_folded(fold_space(node.text), label)) continue;
        ++tried;
        HtmlTree::Index around = node.parent;
        for (int up = 0; up < 4 && around != HtmlTree::kNone; ++up) {
            budget_.pay(1 + (*page)[around].end - around);
            if (!equal_folded(page->text_of(around), label)) break;
            const HtmlTree::Index value = (*page)[around].next_sibling;
            if (value != HtmlTree::kNone && !page->is_unseen(value)) {
                FoundText text = element_text(value);
                if (cut_text(finder, names, text.text)) return text;
            }
            around = (*page)[around].parent;
        }
    }
    return std::nullopt;
}

std::optional<FoundText> PageView::find_one(const Finder& finder, const Place& place,
                                            const Names& names) {
    switch (finder.kind) {
        case Finder::Kind::constant: {
            FoundText found{fill_in(finder.constant, names)};
            if (!cut_text(finder, names, found.text)) return std::nullopt;
            return found;
        }
        case Finder::Kind::pointer:
            return find_pointer(finder, place, names);
        case Finder::Kind::css:
            return find_css(finder, place, names);
        case Finder::Kind::label:
            return find_label(finder, place, names);
        case Finder::Kind::title: {
            if (looks_like_json()) return std::nullopt;
            FoundText found{title()};
            if (!cut_text(finder, names, found.text)) return std::nullopt;
            return found;
        }
    }
    return std::nullopt;
}

}  // namespace tapedeck
