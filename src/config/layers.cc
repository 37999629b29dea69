#include "config/layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/url_text.h"

#include "config/check_settings.h"
#include "config/setting_fields.h"
#include "config/shipped.h"

namespace tapedeck {
namespace {

// The earlier pipeline's two feeds, asked of sites that answer today; what a user's file lies upon.
constexpr std::string_view kBuiltIn = R"(
[feed.coin]
instruments = ["bitcoin", "ethereum", "bnb", "dogecoin", "solana", "avalanche"]
sources = ["coinmarketcap", "coingecko", "coinbase"]
topic = "coin_topic"
table = "coin_records"
form = "coin"
currency = "USD"
[feed.stock]
instruments = ["AAPL", "TSLA", "AMZN", "GOOG", "META", "NFLX"]
sources = ["yahoo", "yahoo-chart"]
topic = "stock_topic"
table = "stock_records"
form = "stock"
)";

// Lines of a text that nobody can open would only mislead.
void forget_positions(TomlNode& node) {
    node.at = node.key_at = {};
    for (TomlNode& item : node.items) forget_positions(item);
    for (TomlMember& member : node.members) forget_positions(member.value);
}

void make_loose(TomlNode& node) {
    node.loose = true;
    for (TomlNode& item : node.items) make_loose(item);
    for (TomlMember& member : node.members) make_loose(member.value);
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

TomlNode word(std::string_view text) {
    TomlNode node;
    node.kind = TomlKind::string;
    node.text = text;
    return node;
}

// TOML where it is TOML; else [a, b] is a list of bare words, and anything else a text.
TomlNode value_of(std::string_view text) {
    if (text.find_first_of("\r\n") == text.npos) {
        auto document = parse_toml("value = " + std::string(text), "--set");
        if (document && document->members.size() == 1 && document->members[0].key == "value") {
            return std::move(document->members[0].value);
        }
    }
    if (text.size() < 2 || !text.starts_with('[') || !text.ends_with(']')) return word(text);
    TomlNode list;
    list.kind = TomlKind::array;
    std::string_view rest = text.substr(1, text.size() - 2);
    while (!trimmed(rest).empty()) {
        const std::size_t comma = rest.find(',');
        std::string_view item = trimmed(rest.substr(0, comma));
        if (item.size() >= 2 && item.front() == '"' && item.back() == '"') {
            item = item.substr(1, item.size() - 2);
        }
        list.items.push_back(word(item));
        rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
    }
    return list;
}

std::string default_name(std::string_view feed, std::string_view ending) {
    std::string name;
    for (const char c : feed) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (c >= 'A' && c <= 'Z') {
            name += static_cast<char>(c - 'A' + 'a');
        } else {
            name += plain ? c : '_';
        }
    }
    if (name.empty() || name.front() < 'a' || name.front() > 'z') name.insert(0, "feed_");
    return name + std::string(ending);
}

void complete(Settings& settings) {
    for (auto& [name, feed] : settings.feeds) {
        if (feed.topic.empty()) feed.topic = default_name(name, "_topic");
        if (feed.table.empty()) feed.table = default_name(name, "_records");
    }
}

using Names = std::set<std::string, std::less<>>;

// The names of [KEY.NAME] in layers that are built in, or are not.
Names names_in(std::span<const ConfigLayer> layers, std::string_view key, bool built_in) {
    Names names;
    for (const ConfigLayer& layer : layers) {
        const TomlNode* table = layer.document.find(key);
        if (layer.built_in != built_in || table == nullptr) continue;
        for (const TomlMember& member : table->members) names.insert(member.key);
    }
    return names;
}

// Whoever has feeds of their own does not mean to ask the sites of the built-in ones as well. Those
// stay that they name, or that a DAG collects which they name; a DAG of no feed goes too.
void leave_out_built_ins(std::span<const ConfigLayer> layers, ReadConfig& config) {
    const Names given = names_in(layers, "feed", true);
    Names wanted = names_in(layers, "feed", false);
    if (std::ranges::includes(given, wanted)) return;
    const Names dags = names_in(layers, "dag", false);
    auto& settings = config.settings;
    const auto collects = [](const DagSettings& dag, const Names& feeds) {
        return std::ranges::any_of(dag.tasks, [&](const auto& task) {
            return !task.second.feed.empty() && feeds.contains(task.second.feed);
        });
    };
    for (const std::string& name : dags) {
        const auto dag = settings.dags.find(name);
        if (dag == settings.dags.end()) continue;
        for (const auto& [task, its] : dag->second.tasks) wanted.insert(its.feed);
    }
    Names left_out;
    for (const std::string& name : given) {
        if (wanted.contains(name)) continue;
        left_out.insert(name);
        settings.feeds.erase(name);
        config.notes.push_back(fmt::format(
            "feed {0} is built in and left out, as there are feeds of your own: [feed.{0}] "
            "keeps it",
            name));
    }
    std::erase_if(settings.dags, [&](const auto& dag) {
        return !dags.contains(dag.first) && collects(dag.second, left_out) &&
               !collects(dag.second, wanted);
    });
}

void sort_faults(std::span<const ConfigLayer> layers, std::vector<ConfigFault>& faults) {
    std::map<std::string_view, std::size_t> order;
    for (const ConfigLayer& layer : layers) order.emplace(layer.file, order.size());
    std::stable_sort(faults.begin(), faults.end(),
                     [&](const ConfigFault& left, const ConfigFault& right) {
                         const auto rank = [&](const Origin& origin) {
                             const auto found = order.find(origin.file);
                             return std::tuple(found == order.end() ? 0 : found->second,
                                               origin.at.line, origin.at.column);
                         };
                         return rank(left.origin) < rank(right.origin);
                     });
}

}  // namespace

ReadConfig read_layers(std::span<const ConfigLayer> layers, const ConfigChecks& checks) {
    ReadConfig config;
    for (const ConfigLayer& layer : layers) {
        FieldReader(layer.file, config.origins, config.faults)
            .read(layer.document, config.settings, fields::kSettings);
    }
    MissingFinder(config.origins, config.faults).find(config.settings, fields::kSettings);
    leave_out_built_ins(layers, config);
    complete(config.settings);
    check_settings(checks, config);
    sort_faults(layers, config.faults);
    return config;
}

std::vector<ConfigLayer> built_in_layers() {
    std::vector<ConfigLayer> layers;
    auto built_in = parse_toml(kBuiltIn, kBuiltInName);
    TAPEDECK_ASSERT(built_in.has_value());
    forget_positions(*built_in);
    layers.push_back({std::string(kBuiltInName), *std::move(built_in), true});
    for (const ShippedFile& file : shipped_files()) {
        if (!file.path.starts_with("dags/")) continue;
        auto document = parse_toml(file.text, file.path);
        TAPEDECK_ASSERT(document.has_value());
        layers.push_back({std::string(file.path), *std::move(document), true});
    }
    return layers;
}

Result<ConfigLayer> layer_of_set(std::string_view assignment) {
    const std::size_t equals = assignment.find('=');
    const std::string_view path = trimmed(assignment.substr(0, equals));
    if (equals == assignment.npos || path.empty()) {
        // What was given is not shown: it may be a secret.
        return Error{ErrorKind::malformed,
                     "--set must be given KEY=VALUE, such as store.url=sqlite:prices.db"};
    }
    const auto parts = split_key(path);
    if (!parts) return Error{ErrorKind::malformed, "--set " + parts.error().what};
    if (!secrets_in_url(trimmed(assignment.substr(equals + 1))).empty()) {
        return Error{ErrorKind::rejected,
                     fmt::format("--set {}: a password on a command line is seen by every user of "
                                 "this machine: name a [secret], or write it into the file",
                                 path)};
    }
    TomlNode node = value_of(trimmed(assignment.substr(equals + 1)));
    for (auto part = parts->rbegin(); part != parts->rend(); ++part) {
        TomlNode table;
        table.members.push_back({*part, std::move(node)});
        node = std::move(table);
    }
    make_loose(node);
    forget_positions(node);
    return ConfigLayer{fmt::format("--set {}", path), std::move(node)};
}

Result<Settings> parse_effective(std::string_view text) {
    const auto document = parse_toml(text, "recorded configuration");
    if (!document) return Error{ErrorKind::corrupt, document.error().what};
    Origins origins;
    std::vector<ConfigFault> faults;
    Settings settings;
    FieldReader("recorded configuration", origins, faults)
        .read(*document, settings, fields::kSettings);
    if (!faults.empty()) return Error{ErrorKind::corrupt, to_string(faults.front())};
    complete(settings);
    return settings;
}

}  // namespace tapedeck
