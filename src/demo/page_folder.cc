#include "demo/page_folder.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/ascii.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 100'000;

// The source that reads a kind of recording.
std::string_view source_of_kind(std::string_view kind) {
    struct Row {
        std::string_view kind, source;
    };
    constexpr auto kRows = std::to_array<Row>({
        {"cmc-currency-page", "coinmarketcap"},
        {"cmc-currency-page-excerpt", "coinmarketcap"},
        {"cmc-listing-page", "coinmarketcap-list"},
        {"cmc-listings-json", "coinmarketcap-api"},
        {"cmc-data-item-json", "coinmarketcap-api"},
        {"coingecko-simple-price-json", "coingecko"},
        {"coingecko-markets-json", "coingecko"},
        {"coingecko-coin-json", "coingecko"},
        {"coingecko-page", "coingecko"},
        {"coingecko-page-excerpt", "coingecko"},
        {"coingecko-challenge-page", "coingecko"},
        {"coinbase-spot-json", "coinbase"},
        {"coinbase-market-trades-json", "coinbase"},
        {"coinbase-products-json", "coinbase"},
        {"coinbase-exchange-ticker-json", "coinbase"},
        {"kraken-ticker-json", "kraken"},
        {"kraken-trades-json", "kraken"},
        {"binance-24hr-json", "binance"},
        {"bitstamp-ticker-json", "bitstamp"},
        {"yahoo-quote-page", "yahoo"},
        {"yahoo-quote-page-excerpt", "yahoo"},
        {"yahoo-history-page", "yahoo"},
        {"yahoo-options-page", "yahoo"},
        {"yahoo-consent-page", "yahoo"},
        {"yahoo-chart-json", "yahoo-chart"},
        {"yahoo-quote-json", "yahoo-quote"},
        {"yahoo-quote-json-formatted", "yahoo-quote"},
        {"yahoo-quote-summary-json", "yahoo-summary"},
        {"yahoo-spark-json", "yahoo-spark"},
    });
    const auto row = std::ranges::find(kRows, kind, &Row::kind);
    return row == kRows.end() ? std::string_view() : row->source;
}

constexpr std::array<std::string_view, 13> kSources = {
    "coinmarketcap", "coinmarketcap-list", "coinmarketcap-api",
    "coingecko",     "coinbase",           "kraken",
    "binance",       "bitstamp",           "yahoo",
    "yahoo-chart",   "yahoo-quote",        "yahoo-summary",
    "yahoo-spark"};

std::string feed_of_source(std::string_view source) {
    return source.starts_with("yahoo") ? "stock" : "coin";
}

// Sites spell one pair in many ways: BTC-USD, BTC/USD, btcusd.
std::string normalized(std::string_view name) {
    std::string result;
    for (const char c : name) {
        if (c == '-' || c == '/' || c == '_' || c == ' ') continue;
        result += c;
    }
    return lower_ascii(result);
}

// "2025-03-10" of "2025-03-10-bitcoin-2327.html", "2024-04" of "2024-04-msft.html".
std::string leading_date(const fs::path& file) {
    const std::string name = file.filename().string();
    const auto end = std::min(name.find_first_not_of("0123456789-"), name.size());
    std::string date = name.substr(0, end);
    while (date.ends_with('-')) date.pop_back();
    return date.size() >= 4 ? date : "";
}

bool stays_inside(std::string_view file) {
    const fs::path path(file);
    return !file.empty() && path.is_relative() &&
           std::ranges::none_of(path, [](const fs::path& part) { return part == ".."; });
}

std::string text_of(const simdjson::dom::element& entry, std::string_view name) {
    std::string_view text;
    return entry[name].get_string().get(text) == simdjson::SUCCESS ? std::string(text) : "";
}

std::string content_type_of(std::string_view file) {
    if (file.ends_with(".json")) return "application/json; charset=utf-8";
    if (file.ends_with(".txt")) return "text/plain; charset=utf-8";
    return "text/html; charset=utf-8";
}

}  // namespace

Result<PageFolder> PageFolder::open(const std::string& folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) {
        return Error{ErrorKind::rejected, "no folder " + in_quotes(folder)};
    }
    const bool has_list = fs::is_regular_file(fs::path(folder) / "expected.json", error);
    auto saved = has_list ? listed(folder) : found(folder);
    if (!saved) return saved.error();
    PageFolder pages;
    pages.folder_ = folder;
    pages.index(std::move(*saved));
    if (pages.served_.empty()) {
        return Error{ErrorKind::rejected,
                     "no saved page in " + in_quotes(folder) +
                         ": expected SOURCE/INSTRUMENT.html or .json, or an expected.json"};
    }
    return pages;
}

Result<std::vector<PageFolder::Saved>> PageFolder::listed(const std::string& folder) {
    const std::string path = (fs::path(folder) / "expected.json").string();
    simdjson::dom::parser parser;
    simdjson::dom::array entries;
    const auto error = parser.load(path).get_array().get(entries);
    if (error != simdjson::SUCCESS) {
        return Error{ErrorKind::malformed, path + ": " + simdjson::error_message(error)};
    }
    std::vector<Saved> saved;
    for (const simdjson::dom::element entry : entries) {
        const std::string_view source = source_of_kind(text_of(entry, "kind"));
        if (source.empty()) continue;
        Saved one;
        one.served.source = source;
        one.served.feed = feed_of_source(source);
        one.served.file = text_of(entry, "file");
        one.served.price = text_of(entry, "price");
        if (!stays_inside(one.served.file)) {
            return Error{ErrorKind::malformed,
                         path + ": not a file of the folder: " + in_quotes(one.served.file)};
        }
        for (const std::string_view field : {"slug", "symbol", "requested"}) {
            const std::string name = text_of(entry, field);
            if (name.empty()) continue;
            if (one.served.instrument.empty()) one.served.instrument = name;
            one.keys.push_back(normalized(name));
        }
        if (one.served.instrument.empty()) continue;  // nobody can ask for it
        // A price that the page rounds to zero is nothing that could be recorded.
        const bool has_price = one.served.price.find_first_of("123456789") != std::string::npos;
        one.is_error = !has_price || !text_of(entry, "error").empty();
        std::int64_t status = 0;
        if (entry["http_status"].get_int64().get(status) == simdjson::SUCCESS) {
            one.status = static_cast<int>(std::clamp<std::int64_t>(status, 200, 599));
        }
        one.moment = std::max(text_of(entry, "as_of"), leading_date(one.served.file));
        saved.push_back(std::move(one));
    }
    return saved;
}

Result<std::vector<PageFolder::Saved>> PageFolder::found(const std::string& folder) {
    std::vector<Saved> saved;
    std::error_code error;
    fs::recursive_directory_iterator files(folder, error);
    for (; !error && files != fs::recursive_directory_iterator(); files.increment(error)) {
        if (files.depth() > 0) files.disable_recursion_pending();
        if (!files->is_regular_file(error) || saved.size() >= kMostFiles) continue;
        const fs::path file = files->path();
        const bool json = file.extension() == ".json";
        if (!json && file.extension() != ".html") continue;
        Saved one;
        one.served.instrument = file.stem().string();
        if (files.depth() == 0) {
            const bool shouts = std::ranges::none_of(one.served.instrument,
                                                     [](char c) { return c >= 'a' && c <= 'z'; });
            one.served.source =
                shouts ? (json ? "yahoo-chart" : "yahoo") : (json ? "coingecko" : "coinmarketcap");
        } else {
            one.served.source = file.parent_path().filename().string();
            if (std::ranges::find(kSources, one.served.source) == kSources.end()) continue;
        }
        one.served.feed = feed_of_source(one.served.source);
        one.served.file = fs::relative(file, folder, error).string();
        one.keys.push_back(normalized(one.served.instrument));
        saved.push_back(std::move(one));
    }
    if (error) {
        return Error{ErrorKind::unavailable,
                     "reading " + in_quotes(folder) + ": " + error.message()};
    }
    return saved;
}

void PageFolder::index(std::vector<Saved> saved) {
    saved_ = std::move(saved);
    std::ranges::sort(saved_, [](const Saved& left, const Saved& right) {
        return std::tie(right.moment, right.served.file) < std::tie(left.moment, left.served.file);
    });
    for (std::size_t i = 0; i < saved_.size(); ++i) {
        const Saved& one = saved_[i];
        for (const std::string& key : one.keys) {
            by_name_[{one.served.source, key}].push_back(i);
        }
    }
    // A name is listed once for each source, with the page that it would get.
    std::set<std::pair<std::string, std::string>> seen;
    for (const Saved& one : saved_) {
        if (one.is_error) continue;
        if (seen.insert({one.served.source, normalized(one.served.instrument)}).second) {
            served_.push_back(one.served);
        }
        for (const std::string& key : one.keys) seen.insert({one.served.source, key});
    }
    std::ranges::sort(served_, [](const ServedInstrument& left, const ServedInstrument& right) {
        return std::tie(left.feed, left.instrument, left.source) <
               std::tie(right.feed, right.instrument, right.source);
    });
}

std::optional<SiteAnswer> PageFolder::answer(const SiteQuestion& question) const {
    const std::string source(source_of(question.page));
    // How many of the names asked for each file has. A page with a price goes before an error.
    std::map<std::string, std::size_t> names_in_file;
    std::vector<std::size_t> candidates;
    for (const std::string& name : question.names) {
        const auto found = by_name_.find({source, normalized(name)});
        if (found == by_name_.end()) continue;
        for (const std::size_t i : found->second) {
            ++names_in_file[saved_[i].served.file];
            candidates.push_back(i);
        }
    }
    if (candidates.empty()) return std::nullopt;
    const auto rank = [&](std::size_t i) {
        const Saved& one = saved_[i];
        return std::tuple(!one.is_error, names_in_file[one.served.file], saved_.size() - i);
    };
    const Saved& best = saved_[*std::ranges::max_element(candidates, {}, rank)];
    std::ifstream file(fs::path(folder_) / best.served.file, std::ios::binary);
    if (!file) return std::nullopt;
    SiteAnswer answer;
    answer.body.assign(std::istreambuf_iterator<char>(file), {});
    answer.status = best.status;
    answer.content_type = content_type_of(best.served.file);
    return answer;
}

}  // namespace tapedeck
