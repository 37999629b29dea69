#include "app/variables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include <optional>
#include <set>

#include "collect/feed_settings.h"
#include "config/text_checks.h"
#include "config/values.h"

namespace tapedeck {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;
using Strings = std::vector<std::string>;

// Which of the two feeds, in the words of the original and in ours.
struct FeedWords {
    std::string_view variable, list, feed, topic, table;
    std::vector<std::string> sources;  // of ours, asked where the class lists read nothing
};

class VariablesReader {
public:
    explicit VariablesReader(std::string_view file) : file_(file) {}

    Result<ImportedVariables> read(std::string_view json) {
        const simdjson::padded_string bytes(json);
        element root;
        if (const auto fault = parser_.parse(bytes).get(root); fault != simdjson::SUCCESS) {
            return Error{ErrorKind::malformed,
                         fmt::format("{}: is no JSON: {}", file_, simdjson::error_message(fault))};
        }
        object variables;
        if (root.get_object().get(variables) != simdjson::SUCCESS) {
            return Error{ErrorKind::malformed,
                         fmt::format("{}: must be one JSON object of variables", file_)};
        }
        for (const auto& [name, value] : variables) take(std::string(name), value);
        make_feed({"coin_scraping",
                   "coin_list",
                   "coin",
                   "COIN_TOPIC",
                   "RDS_TABLE_COIN",
                   {"coinmarketcap", "coingecko", "coinbase"}});
        make_feed({"stock_scraping",
                   "stock_list",
                   "stock",
                   "STOCK_TOPIC",
                   "RDS_TABLE_STOCK",
                   {"yahoo", "yahoo-chart"}});
        suggest();
        if (!found_.contains("coin_scraping") && !found_.contains("stock_scraping")) {
            fault("has neither coin_scraping nor stock_scraping");
        }
        if (!faults_.empty()) {
            return Error{ErrorKind::malformed, fmt::format("{}", fmt::join(faults_, "\n"))};
        }
        return std::move(out_);
    }

private:
    // A variable's keys with their values: texts, and lists of texts.
    struct Variable {
        std::map<std::string, std::string, std::less<>> texts;
        std::map<std::string, Strings, std::less<>> lists;
    };

    void fault(std::string_view what) { faults_.push_back(fmt::format("{}: {}", file_, what)); }
    void note(std::string what) { out_.notes.push_back(std::move(what)); }

    void take(const std::string& name, element value) {
        static constexpr auto kKnown = std::to_array<std::string_view>(
            {"coin_scraping", "stock_scraping", "kafka", "rds", "spark"});
        if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) {
            note(fmt::format("{} is not used", name));
            return;
        }
        object keys;
        if (value.get_object().get(keys) == simdjson::SUCCESS) {
            element inner;
            // Exports with descriptions wrap the value.
            const bool wrapped = keys["value"].get(inner) == simdjson::SUCCESS;
            wrapped ? take_value(name, inner) : take_keys(name, keys);
            return;
        }
        take_value(name, value);
    }

    // An object, or a text that holds one.
    void take_value(const std::string& name, element value) {
        object keys;
        std::string_view text;
        if (value.get_object().get(keys) == simdjson::SUCCESS) {
            take_keys(name, keys);
            return;
        }
        simdjson::dom::parser inner;
        element parsed;
        simdjson::padded_string bytes;
        if (value.get_string().get(text) == simdjson::SUCCESS)
            bytes = simdjson::padded_string(text);
        if (bytes.size() == 0 || inner.parse(bytes).get(parsed) != simdjson::SUCCESS ||
            parsed.get_object().get(keys) != simdjson::SUCCESS) {
            fault(fmt::format("{}: must be an object, or a string that holds one", name));
            return;
        }
        take_keys(name, keys);
    }

    void take_keys(const std::string& name, object keys) {
        Variable& variable = found_[name];
        for (const auto& [key, value] : keys) {
            std::string_view text;
            simdjson::dom::array list;
            if (value.get_string().get(text) == simdjson::SUCCESS) {
                variable.texts.insert_or_assign(std::string(key), std::string(text));
            } else if (value.get_array().get(list) == simdjson::SUCCESS) {
                Strings strings;
                for (const element item : list) {
                    if (item.get_string().get(text) != simdjson::SUCCESS) {
                        fault(fmt::format("{}: {} must be a list of strings, and holds {}", name,
                                          key, shown(item)));
                        text = {};
                    }
                    strings.emplace_back(text);
                }
                variable.lists.insert_or_assign(std::string(key), std::move(strings));
            } else {
                // Ports and the like are written either way.
                variable.texts.insert_or_assign(std::string(key), simdjson::minify(value));
            }
        }
    }

    static std::string shown(element value) {
        std::string text = simdjson::minify(value);
        if (text.size() > 60) text = text.substr(0, 57) + "...";
        return text;
    }

    const Variable* find(std::string_view name) const {
        const auto found = found_.find(name);
        return found == found_.end() ? nullptr : &found->second;
    }

    // The text of a key; none where the variable or the key is not there, or empty.
    std::optional<std::string> text(std::string_view name, std::string_view key) const {
        const Variable* variable = find(name);
        if (variable == nullptr) return std::nullopt;
        const auto found = variable->texts.find(key);
        if (found == variable->texts.end() || found->second.empty()) return std::nullopt;
        return found->second;
    }

    void change(Strings table, std::string_view key, std::string toml) {
        out_.changes.push_back({std::move(table), std::string(key), std::move(toml)});
    }

    // Puts a text into the configuration where it is there and passes; false where it is not there.
    bool put(std::string_view variable, std::string_view key, const Strings& table,
             std::string_view as, TextCheck check) {
        const std::optional<std::string> value = text(variable, key);
        if (!value) return false;
        if (const std::string what = check(*value); !what.empty()) {
            fault(fmt::format("{}: {} {}", variable, key, what));
        }
        change(table, as, toml_string(*value));
        return true;
    }

    void put_list(const FeedWords& words) {
        const Variable& variable = *find(words.variable);
        const auto list = variable.lists.find(words.list);
        if (list == variable.lists.end()) {
            const auto other = variable.texts.find(words.list);
            fault(other == variable.texts.end()
                      ? fmt::format("{}: {} is missing", words.variable, words.list)
                      : fmt::format("{}: {} must be a list of strings, not {}", words.variable,
                                    words.list, toml_string(other->second)));
            return;
        }
        std::set<std::string_view> seen;
        for (const std::string& instrument : list->second) {
            const std::string what = must_be_instrument(instrument);
            if (!what.empty()) {
                fault(fmt::format("{}: {} {}", words.variable, words.list, what));
            } else if (!seen.insert(instrument).second) {
                fault(fmt::format("{}: {} has {} twice", words.variable, words.list,
                                  toml_string(instrument)));
            }
        }
        change({"feed", std::string(words.feed)}, "instruments",
               ValueKind<Strings>::show(list->second));
    }

    void make_feed(const FeedWords& words) {
        if (find(words.variable) == nullptr) {
            note(
                fmt::format("{} is not there: feed {} stays as it is", words.variable, words.feed));
            return;
        }
        const Strings feed{"feed", std::string(words.feed)};
        const Strings source{"source", std::string(words.variable)};
        put_list(words);
        Strings chain{std::string(words.variable)};
        chain.insert(chain.end(), words.sources.begin(), words.sources.end());
        change(feed, "sources", ValueKind<Strings>::show(chain));
        note(fmt::format("feed {} asks {} first, by the class lists of the file, then {}",
                         words.feed, words.variable, fmt::join(words.sources, ", ")));
        if (!put("kafka", words.topic, feed, "topic", must_be_topic)) {
            note(fmt::format("kafka: {} is not there: the topic stays as it is", words.topic));
        }
        if (!put("rds", words.table, feed, "table", must_be_table)) {
            note(fmt::format("rds: {} is not there: the table stays as it is", words.table));
        }
        const auto need = [&](std::string_view key, TextCheck check) {
            if (!put(words.variable, key, source, key, check)) {
                fault(fmt::format("{}: {} is missing", words.variable, key));
            }
        };
        need("base_url", must_be_http_url);
        need("price_html_class", must_be_one_line);
        if (words.feed != "stock") return;
        need("stock_name_html_class", must_be_one_line);
        need("previouse_close_html_class", must_be_one_line);
    }

    void suggest() {
        std::string toml;
        if (const auto url = text("rds", "RDS_URL")) toml += suggest_store(*url);
        if (const auto broker = broker_url()) {
            toml += fmt::format("[tape]\nurl = {}\n", toml_string(*broker));
        }
        if (text("spark", "MASTER_INTERNAL_DNS")) {
            note("spark: MASTER_INTERNAL_DNS is not needed: rows are loaded in process");
        }
        out_.suggestion = std::move(toml);
    }

    std::string suggest_store(const std::string& jdbc) {
        auto url = parse_store_url(jdbc);
        auto* postgres = url ? std::get_if<PostgresUrl>(&url->target) : nullptr;
        if (postgres == nullptr) {
            note(fmt::format("rds: RDS_URL {}", url ? "is no address of PostgreSQL"
                                                    : std::string_view(url.error().what)));
            return {};
        }
        const bool has_password = text("rds", "RDS_PW") || !postgres->password.empty();
        postgres->password = Secret();
        if (const auto user = text("rds", "RDS_USER")) postgres->user = *user;
        std::string toml = fmt::format("[store]\nurl = {}\n", toml_string(to_string(*url)));
        if (has_password) {
            toml += "secret = \"rds\"\n[secret.rds]\nenv = \"RDS_PW\"\n";
            note("rds: RDS_PW is written nowhere: give it in the environment variable RDS_PW");
        }
        return toml;
    }

    std::optional<std::string> broker_url() {
        const auto host = text("kafka", "HOST");
        const auto port = text("kafka", "PORT");
        if (!host || !port) {
            note(
                "kafka: HOST and PORT, which one DAG reads, are not there: IP_ADDRESS and 9092 "
                "are taken");
        }
        const auto address = host ? host : text("kafka", "IP_ADDRESS");
        if (!address) return std::nullopt;
        std::string whole = "kafka://" + *address;
        if (port) whole += ":" + *port;
        const auto url = parse_tape_url(whole);
        if (!url) {
            note(fmt::format("kafka: the broker's address {}", url.error().what));
            return std::nullopt;
        }
        return to_string(*url);
    }

    const std::string_view file_;
    simdjson::dom::parser parser_;
    std::map<std::string, Variable, std::less<>> found_;
    ImportedVariables out_;
    Strings faults_;
};

}  // namespace

Result<ImportedVariables> read_variables(std::string_view json, std::string_view file) {
    return VariablesReader(file).read(json);
}

Result<VariablesImport> import_variables(const ConfigOptions& options,
                                         const std::string& json_path) {
    const auto json = read_text_file(json_path);
    if (!json) return json.error();
    auto variables = read_variables(*json, json_path);
    if (!variables) return variables.error();
    auto edited = edit_config(options, variables->changes, variables->suggestion);
    if (!edited) return edited.error();
    return VariablesImport{*std::move(edited), *std::move(variables)};
}

}  // namespace tapedeck
