#include "app/settings_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "app/check_settings.h"
#include "app/setting_tables.h"
#include "base/ascii.h"
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

std::string default_name(std::string_view feed, std::string_view ending) {
    std::string name;
    for (const char c : lower_ascii(feed)) {
        name += (c >= 'a' && c <= 'z') || is_digit(c) ? c : '_';
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
    const auto collects = [](const DagSpec& dag, const Names& feeds) {
        return std::ranges::any_of(dag.tasks, [&](const TaskSpec& task) {
            return !task.feed.empty() && feeds.contains(task.feed);
        });
    };
    for (const std::string& name : dags) {
        const auto dag = settings.dags.find(name);
        if (dag == settings.dags.end()) continue;
        for (const TaskSpec& task : dag->second.tasks) wanted.insert(task.feed);
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
