#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "config/nearest.h"
#include "config/proxy_url.h"
#include "config/toml_document.h"
#include "config/values.h"
#include "sources/rules.h"
#include "sources/source.h"
#include "sources/text.h"
#include "sources/url_currency.h"

namespace tapedeck {
namespace {

using std::chrono::milliseconds;

// The first fault found is the one reported; after it everything reads as empty.
class Reader {
public:
    explicit Reader(std::string_view file) : file_(file) {}

    Result<Source> read(const TomlNode& root) {
        check_keys(root, "", {"source", "page", "json", "error", "rule"});
        Source source;
        RuleSet rules;
        read_source(root, source, rules);
        read_page(root, rules);
        read_documents(root, rules);
        const auto errors = tables(root, "error");
        const auto rows = tables(root, "rule");
        limit(root, "[[error]]", errors.size(), kMostRules);
        limit(root, "[[rule]]", rows.size(), kMostRules);
        for (const TomlNode& node : errors) rules.errors.push_back(read_error(node));
        for (const TomlNode& node : rows) read_rule(node, rules);
        if (rules.rules.empty()) fail(root, "", "there must be at least one [[rule]]");
        if (error_) return *error_;
        rules.attributes = attributes_of(rules);
        rules.script_json = script_json_of(rules);
        source.rules = std::make_shared<const RuleSet>(std::move(rules));
        source.file = file_;
        return source;
    }

private:
    static constexpr std::size_t kMostRules = 200;
    static constexpr std::size_t kMostItems = 200;  // of a list: finders, texts, pointers
    static constexpr std::string_view kFinderKeys[] = {
        "css",       "classes",      "pointer",       "label",  "title",       "constant",
        "json",      "attribute",    "after",         "before", "append",      "after_last",
        "ends_with", "decimal_mark", "whole_seconds", "unit",   "before_last", "zone"};

    void fail(const TomlNode& node, std::string_view key, std::string_view why) {
        if (error_) return;
        const TomlPosition at = node.key_at.line != 0 ? node.key_at : node.at;
        std::string what = fmt::format("{}:{}: ", file_, std::max(at.line, 1));
        if (!key.empty()) what += fmt::format("{} = {}: ", key, describe(node));
        what += why;
        error_ = Error{ErrorKind::malformed, std::move(what)};
    }

    // A page is read by every rule until one holds: a source may not cost its readers their time.
    void limit(const TomlNode& node, std::string_view what, std::size_t count, std::size_t most) {
        if (count > most)
            fail(node, "", fmt::format("{} {}; at most {} are read", count, what, most));
    }

    void check_keys(const TomlNode& table, std::string_view name,
                    const std::vector<std::string>& known) {
        for (const TomlMember& member : table.members) {
            if (std::ranges::find(known, member.key) != known.end()) continue;
            fail(member.value, member.key,
                 fmt::format("{} has no such key{}", name.empty() ? "a source file" : name,
                             did_you_mean(member.key, known)));
        }
    }

    std::string text(const TomlNode& node, std::string_view key) {
        if (node.kind == TomlKind::string) return node.text;
        fail(node, key, "a text is expected");
        return {};
    }

    std::string text_of(const TomlNode& table, std::string_view key) {
        const TomlNode* node = table.find(key);
        return node == nullptr ? std::string() : text(*node, key);
    }

    bool flag_of(const TomlNode& table, std::string_view key) {
        const TomlNode* node = table.find(key);
        if (node == nullptr) return false;
        if (node->kind != TomlKind::boolean) fail(*node, key, "true or false is expected");
        return node->boolean;
    }

    // One text or a list of texts.
    std::vector<std::string> texts_of(const TomlNode& table, std::string_view key) {
        std::vector<std::string> texts;
        const TomlNode* node = table.find(key);
        if (node == nullptr) return texts;
        if (node->kind != TomlKind::array) {
            texts.push_back(text(*node, key));
            return texts;
        }
        limit(*node, key, node->items.size(), kMostItems);
        if (error_) return texts;
        for (const TomlNode& item : node->items) texts.push_back(text(item, key));
        if (texts.empty()) fail(*node, key, "the list is empty");
        return texts;
    }

    std::vector<JsonPath> paths_of(const TomlNode& table, std::string_view key) {
        std::vector<JsonPath> paths;
        for (const std::string& pointer : texts_of(table, key)) {
            paths.push_back(path(*table.find(key), key, pointer));
        }
        return paths;
    }

    JsonPath path(const TomlNode& node, std::string_view key, std::string_view pointer) {
        auto parsed = JsonPath::parse(pointer);
        if (parsed) return *std::move(parsed);
        fail(node, pointer.size() > JsonPath::kMostBytes ? "" : key, parsed.error().what);
        return {};
    }

    Selector selector(const TomlNode& node, std::string_view key) {
        auto parsed = Selector::parse(text(node, key));
        if (parsed) return *std::move(parsed);
        fail(node, node.text.size() > Selector::kMostBytes ? "" : key, parsed.error().what);
        return Selector::nothing();
    }

    // The tables of [[key]].
    std::vector<TomlNode> tables(const TomlNode& root, std::string_view key) {
        const TomlNode* node = root.find(key);
        if (node == nullptr) return {};
        const bool all = node->kind == TomlKind::array &&
                         std::ranges::all_of(node->items, [](const TomlNode& item) {
                             return item.kind == TomlKind::table;
                         });
        if (all) return node->items;
        fail(*node, key, fmt::format("write it as [[{}]]", key));
        return {};
    }

    const TomlNode* table_of(const TomlNode& parent, std::string_view key) {
        const TomlNode* node = parent.find(key);
        if (node != nullptr && node->kind != TomlKind::table) {
            fail(*node, key, "a table is expected");
            return nullptr;
        }
        return node;
    }

    milliseconds duration_of(const TomlNode& table, std::string_view key, milliseconds normal) {
        const TomlNode* node = table.find(key);
        if (node == nullptr) return normal;
        const auto duration = parse_duration(text(*node, key));
        if (duration) return *duration;
        fail(*node, key, "a duration such as \"10s\" is expected");
        return normal;
    }

    void read_source(const TomlNode& root, Source& source, RuleSet& rules) {
        const TomlNode* table = table_of(root, "source");
        if (table == nullptr) return fail(root, "", "there is no [source]");
        check_keys(*table, "[source]",
                   {"name", "url", "max_instruments", "pace", "timeout", "max_bytes", "max_age",
                    "identity", "headers", "session", "secret", "proxy", "history", "currency",
                    "symbols"});
        source.name = text_of(*table, "name");
        const auto plain = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        };
        if (source.name.empty() || !std::ranges::all_of(source.name, plain)) {
            fail(*table, "", "[source] name must be of a-z, 0-9, - and _");
        }
        read_url(*table, source);
        rules.asked_currencies = url_currencies_;
        read_limits(*table, source);
        const std::string identity = text_of(*table, "identity");
        if (!identity.empty() && identity != "page" && identity != "url") {
            fail(*table->find("identity"), "identity", "\"page\" or \"url\" is expected");
        }
        rules.identity_page = identity != "url";
        rules.currency = text_of(*table, "currency");
        if (!rules.currency.empty()) check_currency(*table->find("currency"), rules.currency);
        source.serves_history = flag_of(*table, "history");
        source.secret = text_of(*table, "secret");
        if (const std::string proxy = text_of(*table, "proxy"); !proxy.empty()) {
            if (const auto address = parse_proxy(proxy); !address) {
                // Without the value, which may hold a password.
                fail(*table->find("proxy"), "", "proxy " + address.error().what);
            }
            source.proxy = Secret(proxy);
        }
        if (const TomlNode* headers = table_of(*table, "headers")) {
            for (const TomlMember& header : headers->members) {
                source.headers.push_back({header.key, Secret(text(header.value, header.key))});
            }
        }
        if (const TomlNode* symbols = table_of(*table, "symbols")) {
            for (const TomlMember& symbol : symbols->members) {
                source.symbols[symbol.key] = text(symbol.value, symbol.key);
            }
        }
        if (const TomlNode* session = table_of(*table, "session")) {
            check_keys(*session, "session", {"cookie_url", "crumb_url"});
            source.session =
                SessionStep{text_of(*session, "cookie_url"), text_of(*session, "crumb_url")};
            if (source.session->cookie_url.empty()) {
                fail(*session, "", "session needs cookie_url");
            }
            if (source.session->crumb_url.empty() &&
                source.url.find("{crumb}") != std::string::npos) {
                fail(*session, "", "the url has {crumb}, and session no crumb_url");
            }
        }
    }

    void read_url(const TomlNode& table, Source& source) {
        source.url = text_of(table, "url");
        const TomlNode* node = table.find("url");
        if (node == nullptr) return fail(table, "", "[source] url is missing");
        if (!source.url.starts_with("http://") && !source.url.starts_with("https://")) {
            fail(*node, "url", "it must begin with https:// or http://");
        }
        const bool many = source.url.find("{instruments") != std::string::npos ||
                          source.url.find("{symbols") != std::string::npos;
        source.max_instruments = many ? 100 : 1;
        url_currencies_ = currencies_of_query(source.url);
        if (const TomlNode* most = table.find("max_instruments")) {
            if (most->kind != TomlKind::integer || most->integer < 1 || most->integer > 10'000) {
                fail(*most, "max_instruments", "a number from 1 to 10000 is expected");
            } else if (!many && most->integer > 1) {
                fail(*most, "max_instruments", "the url has no {instruments} or {symbols}");
            }
            source.max_instruments = static_cast<int>(most->integer);
        }
    }

    // A currency that a file claims while its URL asks the site for another.
    void check_currency(const TomlNode& node, const std::string& currency) {
        const auto& asked = url_currencies_;
        if (asked.empty() || std::ranges::find(asked, upper_ascii(currency)) != asked.end()) return;
        fail(node, "currency",
             fmt::format("the url asks for prices in {}", fmt::join(asked, " and ")));
    }

    void read_limits(const TomlNode& table, Source& source) {
        source.timeout = duration_of(table, "timeout", source.timeout);
        source.max_age = duration_of(table, "max_age", source.max_age);
        if (source.timeout.count() == 0) fail(*table.find("timeout"), "timeout", "must not be 0");
        if (const TomlNode* node = table.find("max_bytes")) {
            const auto bytes = parse_bytes(text(*node, "max_bytes"));
            if (!bytes || bytes->value() < 1) {
                fail(*node, "max_bytes", "a size such as \"8MiB\" is expected");
            } else {
                source.max_bytes = bytes->value();
            }
        }
        if (const TomlNode* node = table.find("pace")) {
            if (!read_pace(text(*node, "pace"), source.pace)) {
                fail(*node, "pace", "a count in a time is expected, such as \"30/min\"");
            }
        }
    }

    // "30/min", "5/s", "100/10s".
    static bool read_pace(std::string_view text, Pace& pace) {
        const std::size_t slash = text.find('/');
        if (slash == std::string_view::npos) return false;
        const auto [end, error] = std::from_chars(text.data(), text.data() + slash, pace.count);
        std::string unit(text.substr(slash + 1));
        if (unit == "s" || unit == "m" || unit == "h") unit = "1" + unit;
        if (unit == "min") unit = "1m";
        const auto per = parse_duration(unit);
        if (per) pace.per = *per;
        return error == std::errc() && end == text.data() + slash && pace.count > 0 && per &&
               pace.per.count() > 0;
    }

    void read_page(const TomlNode& root, RuleSet& rules) {
        const TomlNode* page = table_of(root, "page");
        const TomlNode* documents = table_of(root, "json");
        if (documents != nullptr) {  // the names come first: finders refer to them
            limit(*documents, "[json.NAME]", documents->members.size(), kMostRules);
            for (const TomlMember& document : documents->members) {
                rules.documents.emplace_back().name = document.key;
            }
        }
        if (page == nullptr) return;
        check_keys(*page, "[page]", {"symbol"});
        rules.symbol = read_field(*page, "symbol", rules, false);
    }

    void read_documents(const TomlNode& root, RuleSet& rules) {
        const TomlNode* documents = table_of(root, "json");
        if (documents == nullptr) return;
        for (const TomlMember& member : documents->members) {
            if (member.value.kind != TomlKind::table) {
                fail(member.value, member.key, "write it as [json.NAME]");
                continue;
            }
            check_keys(member.value, "[json." + member.key + "]",
                       {"script", "after", "unwrap", "entries", "match"});
            const auto found = std::ranges::find(rules.documents, member.key, &DocumentSpec::name);
            read_document(member.value, *found);
        }
    }

    void read_document(const TomlNode& table, DocumentSpec& spec) {
        if (const TomlNode* script = table.find("script")) {
            spec.script = selector(*script, "script");
            if (!spec.script->is_compound()) {
                fail(*script, "script",
                     "a script is found by its own type, id, classes and attributes alone");
            }
            if (spec.script->has_placeholder()) fail(*script, "script", "no {symbol} in here");
        }
        spec.after = text_of(table, "after");
        if (!spec.after.empty() && !spec.script) {
            fail(*table.find("after"), "after", "only a script has a text before its JSON");
        }
        spec.unwrap = paths_of(table, "unwrap");
        spec.entries = paths_of(table, "entries");
        spec.match = paths_of(table, "match");
    }

    ErrorRule read_error(const TomlNode& node) {
        check_keys(
            node, "[[error]]",
            {"reason", "status", "title", "text", "url", "css", "pointer", "equals", "contains"});
        ErrorRule rule;
        const std::string name = text_of(node, "reason");
        const auto reason = reason_named(name);
        if (!reason) {
            std::vector<std::string> known;
            for (const ReasonRow& row : reason_table()) known.emplace_back(row.name);
            const TomlNode* at = node.find("reason");
            fail(at == nullptr ? node : *at, at == nullptr ? "" : "reason",
                 fmt::format("a reason is expected{}", did_you_mean(name, known)));
        } else {
            rule.reason = *reason;
        }
        if (const TomlNode* status = node.find("status")) {
            for (const TomlNode& item :
                 status->kind == TomlKind::array ? status->items : std::vector<TomlNode>{*status}) {
                if (item.kind != TomlKind::integer || item.integer < 100 || item.integer > 599) {
                    fail(*status, "status", "HTTP statuses are expected");
                }
                rule.status.push_back(static_cast<int>(item.integer));
            }
        }
        rule.title = texts_of(node, "title");
        rule.text = texts_of(node, "text");
        rule.url = texts_of(node, "url");
        if (const TomlNode* css = node.find("css")) rule.css = selector(*css, "css");
        rule.pointers = paths_of(node, "pointer");
        rule.equals = texts_of(node, "equals");
        rule.contains = texts_of(node, "contains");
        if (rule.pointers.empty() && !(rule.equals.empty() && rule.contains.empty())) {
            fail(node, "", "equals and contains need a pointer");
        }
        if (rule.status.empty() && rule.title.empty() && rule.text.empty() && rule.url.empty() &&
            !rule.css && rule.pointers.empty()) {
            fail(node, "", "an [[error]] needs a condition");
        }
        return rule;
    }

    void read_rule(const TomlNode& node, RuleSet& rules) {
        check_keys(node, "[[rule]]",
                   {"name", "json", "script", "after", "unwrap", "entries", "match", "symbol",
                    "price", "full_name", "previous_close", "currency", "as_of", "when"});
        Rule rule;
        rule.name = text_of(node, "name");
        if (rule.name.empty()) {
            fail(node, "", "a [[rule]] needs a name");
        } else if (std::ranges::find(rules.rules, rule.name, &Rule::name) != rules.rules.end()) {
            fail(*node.find("name"), "name", "two rules have this name");
        }
        place_rule(node, rules, rule);
        if (const TomlNode* when = node.find("when")) rule.when = selector(*when, "when");
        rule.symbol = read_field(node, "symbol", rules, rule.document.has_value());
        rule.price = read_field(node, "price", rules, rule.document.has_value());
        if (rule.price.empty()) fail(node, "", "a [[rule]] needs a price");
        rule.full_name = read_field(node, "full_name", rules, rule.document.has_value());
        rule.previous_close = read_field(node, "previous_close", rules, rule.document.has_value());
        rule.currency = read_field(node, "currency", rules, rule.document.has_value());
        rule.as_of = read_field(node, "as_of", rules, rule.document.has_value());
        rule.names_instrument = !rule.match.empty() || names_instrument(rule.price);
        if (rule.document && *rule.document < rules.documents.size()) {
            const DocumentSpec& spec = rules.documents[*rule.document];
            rule.names_instrument = rule.names_instrument || !spec.match.empty() ||
                                    std::ranges::any_of(spec.entries, &JsonPath::has_placeholder);
        }
        rules.rules.push_back(std::move(rule));
    }

    static bool names_instrument(const Field& field) {
        return std::ranges::all_of(field, [](const Finder& finder) {
            return (finder.selector && finder.selector->has_placeholder()) ||
                   finder.path.has_placeholder();
        });
    }

    // Whether the rule reads rows of a page, a JSON text of its own, or a named one.
    void place_rule(const TomlNode& node, RuleSet& rules, Rule& rule) {
        const TomlNode* entries = node.find("entries");
        const bool rows = entries != nullptr && entries->kind == TomlKind::string &&
                          !entries->text.empty() && entries->text[0] != '/';
        if (const TomlNode* name = node.find("json")) {
            rule.document = document_named(*name, rules);
            for (const char* key : {"script", "after", "unwrap", "entries", "match"}) {
                if (node.find(key) != nullptr) {
                    fail(*node.find(key), key, "it belongs to the [json.NAME] that json names");
                }
            }
        } else if (rows) {
            rule.entries = selector(*entries, "entries");
            rule.match = read_field(node, "match", rules, false);
            if (rule.match.empty()) fail(node, "", "entries of a page need match");
        } else if (node.find("script") != nullptr || entries != nullptr ||
                   node.find("match") != nullptr || node.find("unwrap") != nullptr ||
                   uses_pointer(node)) {
            DocumentSpec spec;
            read_document(node, spec);
            rule.document = rules.documents.size();
            rules.documents.push_back(std::move(spec));
        }
    }

    static bool uses_pointer(const TomlNode& node) {
        const auto is_pointer = [](const TomlNode& value) {
            return (value.kind == TomlKind::string && value.text.starts_with('/')) ||
                   (value.kind == TomlKind::table && value.find("pointer") != nullptr &&
                    value.find("json") == nullptr);
        };
        return std::ranges::any_of(node.members, [&](const TomlMember& member) {
            return is_pointer(member.value) ||
                   (member.value.kind == TomlKind::array &&
                    std::ranges::any_of(member.value.items, is_pointer));
        });
    }

    std::size_t document_named(const TomlNode& node, const RuleSet& rules) {
        const std::string name = text(node, "json");
        std::vector<std::string> known;
        for (std::size_t i = 0; i < rules.documents.size(); ++i) {
            if (!name.empty() && rules.documents[i].name == name) return i;
            if (!rules.documents[i].name.empty()) known.push_back(rules.documents[i].name);
        }
        fail(node, "json", fmt::format("there is no [json.{}]{}", name, did_you_mean(name, known)));
        return 0;
    }

    Field read_field(const TomlNode& table, std::string_view key, const RuleSet& rules,
                     bool has_document) {
        Field field;
        const TomlNode* node = table.find(key);
        if (node == nullptr) return field;
        if (node->kind == TomlKind::array) {
            limit(*node, key, node->items.size(), kMostItems);
            if (error_) return field;
            for (const TomlNode& item : node->items) {
                field.push_back(read_finder(item, key, rules, has_document));
            }
            if (field.empty()) fail(*node, key, "the list is empty");
        } else {
            field.push_back(read_finder(*node, key, rules, has_document));
        }
        return field;
    }

    Finder read_finder(const TomlNode& node, std::string_view key, const RuleSet& rules,
                       bool has_document) {
        Finder finder;
        if (node.kind == TomlKind::string) {
            const bool pointer = node.text.starts_with('/');
            finder.kind = pointer ? Finder::Kind::pointer : Finder::Kind::constant;
            if (pointer) finder.path = path(node, key, node.text);
            if (pointer && !has_document) fail(node, key, "which JSON? json or script is missing");
            if (!pointer && key == "price") fail(node, key, "a price is read, not given");
            finder.constant = node.text;
            if (!pointer && key == "currency") check_currency(node, node.text);
            return finder;
        }
        if (node.kind != TomlKind::table) {
            fail(node, key,
                 "a JSON pointer, a constant, or a table such as {css = \"…\"} expected");
            return finder;
        }
        check_keys(node, key, {std::begin(kFinderKeys), std::end(kFinderKeys)});
        read_place(node, key, rules, has_document, finder);
        finder.attribute = text_of(node, "attribute");
        finder.after = text_of(node, "after");
        finder.after_last = text_of(node, "after_last");
        finder.before = text_of(node, "before");
        finder.before_last = text_of(node, "before_last");
        finder.ends_with = texts_of(node, "ends_with");
        finder.append = text_of(node, "append");
        finder.whole_seconds = flag_of(node, "whole_seconds");
        const std::string mark = text_of(node, "decimal_mark");
        if (!mark.empty() && mark != "." && mark != ",") {
            fail(*node.find("decimal_mark"), "decimal_mark", "\".\" or \",\" is expected");
        }
        finder.decimal_mark = mark == "," ? DecimalMark::comma : DecimalMark::point;
        const std::string unit = text_of(node, "unit");
        if (!unit.empty() && unit != "s" && unit != "ms" && unit != "us" && unit != "ns") {
            fail(*node.find("unit"), "unit", "s, ms, us or ns is expected");
        }
        finder.unit = unit == "s"    ? TimeUnit::seconds
                      : unit == "ms" ? TimeUnit::milliseconds
                      : unit == "us" ? TimeUnit::microseconds
                      : unit == "ns" ? TimeUnit::nanoseconds
                                     : TimeUnit::automatic;
        if (const std::string zone = text_of(node, "zone"); !zone.empty()) {
            auto named = Zone::named(zone);
            if (!named) fail(*node.find("zone"), "zone", named.error().what);
            if (named) finder.zone = *std::move(named);
        }
        return finder;
    }

    void read_place(const TomlNode& node, std::string_view key, const RuleSet& rules,
                    bool has_document, Finder& finder) {
        int places = 0;
        const auto is = [&](const char* name, Finder::Kind kind) {
            const TomlNode* found = node.find(name);
            if (found == nullptr) return found;
            finder.kind = kind;
            ++places;
            return found;
        };
        if (const TomlNode* css = is("css", Finder::Kind::css)) {
            // ":scope" is the row itself, for its own attributes.
            finder.selector = css->text == ":scope" ? Selector::scope() : selector(*css, "css");
        }
        if (const TomlNode* classes = is("classes", Finder::Kind::css)) {
            const auto list = Selector::of_classes(text(*classes, "classes"));
            if (!list) fail(*classes, "", list.error().what);
            finder.selector = list ? *list : Selector::nothing();
        }
        if (const TomlNode* pointer = is("pointer", Finder::Kind::pointer)) {
            finder.path = path(*pointer, "pointer", text(*pointer, "pointer"));
            if (const TomlNode* json = node.find("json")) {
                finder.document = document_named(*json, rules);
            } else if (!has_document) {
                fail(*pointer, "pointer", "which JSON? json = \"NAME\" is missing");
            }
        }
        if (const TomlNode* label = is("label", Finder::Kind::label)) {
            finder.label = text(*label, "label");
        }
        if (const TomlNode* constant = is("constant", Finder::Kind::constant)) {
            finder.constant = text(*constant, "constant");
            if (key == "price") fail(*constant, "constant", "a price is read, not given");
            if (key == "currency") check_currency(*constant, finder.constant);
        }
        if (is("title", Finder::Kind::title) != nullptr && !flag_of(node, "title")) {
            fail(*node.find("title"), "title", "true is expected");
        }
        if (places != 1) {
            fail(node, "",
                 fmt::format("{} needs one of css, classes, pointer, label, title, constant", key));
        }
    }

    std::string file_;
    std::vector<std::string> url_currencies_;
    std::optional<Error> error_;
};

}  // namespace

Result<Source> parse_source(std::string_view text, std::string_view file) {
    const auto root = parse_toml(text, file);
    if (!root) return root.error();
    return Reader(file).read(*root);
}

}  // namespace tapedeck
