// Reads every recording whose kind a shipped source is for, and holds what the rules read against
// what a person read (expected.json), entry by entry. The recordings are other people's and not
// part of the project: see the README of the folder.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "sources/source.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

fs::path recordings_folder() {
    if (const char* folder = std::getenv("TAPEDECK_SHARED_DATA")) return folder;
    return fs::path(TAPEDECK_ROOT) / ".." / "shared" / "data";
}

std::string read_recording(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

const std::map<std::string, std::string> kSourceOfKind{
    {"cmc-currency-page", "coinmarketcap"},
    {"cmc-currency-page-excerpt", "coinmarketcap"},
    {"cmc-listing-page", "coinmarketcap-list"},
    {"cmc-listings-json", "coinmarketcap-api"},
    {"cmc-data-item-json", "coinmarketcap-api"},
    {"coingecko-markets-json", "coingecko"},
    {"coingecko-coin-json", "coingecko"},
    {"coingecko-simple-price-json", "coingecko"},
    {"coingecko-page", "coingecko"},
    {"coingecko-page-excerpt", "coingecko"},
    {"coingecko-challenge-page", "coingecko"},
    {"binance-24hr-json", "binance"},
    {"bitstamp-ticker-json", "bitstamp"},
    {"coinbase-exchange-ticker-json", "coinbase"},
    {"coinbase-exchange-stats-json", "coinbase"},
    {"coinbase-market-trades-json", "coinbase"},
    {"coinbase-products-json", "coinbase"},
    {"coinbase-spot-json", "coinbase"},
    {"kraken-ticker-json", "kraken"},
    {"kraken-trades-json", "kraken"},
    {"yahoo-chart-json", "yahoo-chart"},
    {"yahoo-consent-page", "yahoo"},
    {"yahoo-symbol-lookup-page", "yahoo"},
    {"yahoo-unknown-symbol-page", "yahoo"},
    {"yahoo-quote-page", "yahoo"},
    {"yahoo-quote-page-excerpt", "yahoo"},
    {"yahoo-history-page", "yahoo"},
    {"yahoo-options-page", "yahoo"},
    {"yahoo-page-store-json", "yahoo"},
    {"yahoo-quote-json", "yahoo-quote"},
    {"yahoo-quote-json-formatted", "yahoo-quote"},
    {"yahoo-quote-summary-json", "yahoo-summary"},
    {"yahoo-spark-json", "yahoo-spark"},
};
// Of the kinds quoted-error-body and empty-body, which are of no one source.
const std::map<std::string, std::string> kSourceOfFile{
    {"errors/binance-451-restricted.json", "binance"},
    {"errors/coingecko-429.json", "coingecko"},
    {"errors/empty-page.html", "coinmarketcap"},
    {"errors/yahoo-429-edge.txt", "yahoo-quote"},
    {"errors/yahoo-chart-404-no-data.json", "yahoo-chart"},
    {"errors/yahoo-quote-401-invalid-crumb.json", "yahoo-quote"},
};
// Why there is no price, by the words of the page's error.
const std::vector<std::pair<std::string, Reason>> kReasonOfError{
    {"Cloudflare challenge", Reason::challenge},
    {"restricted location", Reason::forbidden},
    {"Rate Limit", Reason::throttled},
    {"Too Many Requests", Reason::throttled},
    {"empty body", Reason::empty},
    {"Not Found", Reason::not_found},
    {"Invalid Crumb", Reason::unauthorized},
    {"no last price", Reason::malformed},
    {"consent page", Reason::consent},
    {"symbol lookup page", Reason::not_found},
    {"page without a symbol", Reason::not_found},
    {"no regularMarketPrice", Reason::malformed},
    {"empty result list", Reason::not_found},
};

struct Entry {
    std::string file, kind, instrument, error;
    std::optional<std::string> name, price, previous_close, currency, as_of;
    std::optional<std::string> embedded_price;  // as the page's JSON writes it
    int status = 200;
};

std::optional<std::string> text_at_key(simdjson::dom::element entry, const char* key) {
    std::string_view text;
    if (entry[key].get(text) != simdjson::SUCCESS) return std::nullopt;
    return std::string(text);
}

std::vector<Entry> read_entries(const fs::path& folder) {
    simdjson::dom::parser parser;
    simdjson::dom::array list;
    const auto error = parser.load((folder / "expected.json").string()).get(list);
    EXPECT_EQ(error, simdjson::SUCCESS);
    std::vector<Entry> entries;
    for (const simdjson::dom::element item : list) {
        Entry entry;
        entry.file = text_at_key(item, "file").value_or("");
        entry.kind = text_at_key(item, "kind").value_or("");
        entry.error = text_at_key(item, "error").value_or("");
        entry.name = text_at_key(item, "name");
        entry.price = text_at_key(item, "price");
        entry.previous_close = text_at_key(item, "previous_close");
        entry.currency = text_at_key(item, "currency");
        entry.as_of = text_at_key(item, "as_of");
        entry.embedded_price = text_at_key(item, "embedded_price");
        std::int64_t status = 0;
        if (item["http_status"].get(status) == simdjson::SUCCESS) {
            entry.status = static_cast<int>(status);
        }
        entry.instrument =
            text_at_key(item, "slug")
                .value_or(text_at_key(item, "symbol")
                              .value_or(text_at_key(item, "requested").value_or("AAPL")));
        entries.push_back(std::move(entry));
    }
    return entries;
}

class Recordings : public testing::Test {
protected:
    void SetUp() override {
        folder_ = recordings_folder();
        if (!fs::exists(folder_ / "expected.json")) {
            std::cerr << "*** NO RECORDINGS at " << folder_
                      << ": set TAPEDECK_SHARED_DATA to read them. NOTHING WAS TESTED. ***\n";
            GTEST_SKIP() << "no recordings at " << folder_;
        }
        auto sources = load_sources("");
        ASSERT_TRUE(sources) << sources.error().what;
        sources_ = *std::move(sources);
        entries_ = read_entries(folder_);
        ASSERT_GT(entries_.size(), 400u);
    }

    const Source* source_of(const Entry& entry) const {
        const auto kind = kSourceOfKind.find(entry.kind);
        const auto file = kSourceOfFile.find(entry.file);
        if (kind == kSourceOfKind.end() && file == kSourceOfFile.end()) return nullptr;
        return sources_.at(kind != kSourceOfKind.end() ? kind->second : file->second).get();
    }

    ReadResult read(const Entry& entry, const Source& source, int status) {
        auto [body, fresh] = bodies_.try_emplace(entry.file);
        if (fresh) body->second = read_recording(folder_ / entry.file);
        auto& reader = readers_[{entry.file, source.name, status}];
        if (reader == nullptr) {
            Page page;
            page.body = body->second;
            page.status = status;
            reader = std::make_unique<PageReader>(source, page);
        }
        return reader->read(entry.instrument);
    }

    fs::path folder_;
    Sources sources_;
    std::vector<Entry> entries_;
    std::map<std::string, std::string> bodies_;
    std::map<std::tuple<std::string, std::string, int>, std::unique_ptr<PageReader>> readers_;
};

std::string text_of(const std::optional<Price>& price) {
    return price ? price->to_string() : "none";
}

void expect_entry(const Entry& entry, const Reading& reading) {
    EXPECT_EQ(reading.price.to_string(), entry.price.value_or("none"));
    EXPECT_EQ(reading.name, entry.name.value_or(""));
    EXPECT_EQ(text_of(reading.previous_close), entry.previous_close.value_or("none"));
    EXPECT_EQ(reading.currency, entry.currency.value_or(""));
    // A price that a person reads from the page's JSON has its own time there, which is no part of
    // what the recordings' reader noted.
    if (entry.embedded_price && !entry.as_of) return;
    const std::string as_of = reading.as_of ? format_rfc3339(*reading.as_of) : "none";
    std::string wanted = "none";
    if (entry.as_of) wanted = format_rfc3339(*parse_rfc3339(*entry.as_of));
    EXPECT_EQ(as_of, wanted);
}

TEST_F(Recordings, GiveWhatAPersonReads) {
    int read_count = 0;
    for (const Entry& entry : entries_) {
        const Source* source = source_of(entry);
        if (source == nullptr || !entry.price) continue;
        SCOPED_TRACE(entry.file + " " + entry.instrument + " by " + source->name);
        const ReadResult result = read(entry, *source, entry.status);
        ++read_count;
        if (const auto* failure = std::get_if<Failure>(&result)) {
            ADD_FAILURE() << row_of(failure->reason).name << ": " << failure->what;
            continue;
        }
        expect_entry(entry, std::get<Reading>(result));
    }
    EXPECT_GT(read_count, 400);
}

TEST_F(Recordings, AreNamedForWhatTheyAreWhereTheyHoldNoPrice) {
    int failed_count = 0;
    for (const Entry& entry : entries_) {
        const Source* source = source_of(entry);
        if (source == nullptr || entry.price) continue;
        Reason wanted = Reason::malformed;  // summaryDetail alone: a previous close and no price
        for (const auto& [words, reason] : kReasonOfError) {
            if (entry.error.find(words) != std::string::npos) wanted = reason;
        }
        // Once with the status that the body came with, once without knowing it.
        for (const int status : {entry.status, 0}) {
            SCOPED_TRACE(entry.file + " " + entry.instrument + " by " + source->name);
            const ReadResult result = read(entry, *source, status);
            ++failed_count;
            const auto* failure = std::get_if<Failure>(&result);
            if (failure == nullptr) {
                ADD_FAILURE() << "read " << std::get<Reading>(result).price.to_string();
                continue;
            }
            EXPECT_EQ(row_of(failure->reason).name, row_of(wanted).name) << failure->what;
        }
    }
    EXPECT_GT(failed_count, 20);
}

// Whatever instrument is asked for, a page of another one gives no price.
TEST_F(Recordings, GiveNothingForAnotherInstrument) {
    for (Entry entry : entries_) {
        const Source* source = source_of(entry);
        if (source == nullptr || !entry.price || !source->rules) continue;
        if (source->name == "coingecko" || source->name == "coinbase" ||
            source->name == "bitstamp") {
            continue;  // some of their answers name nobody (identity = "url")
        }
        entry.instrument = "ZZZQ";
        SCOPED_TRACE(entry.file + " by " + source->name);
        const ReadResult result = read(entry, *source, entry.status);
        const auto* failure = std::get_if<Failure>(&result);
        ASSERT_NE(failure, nullptr) << std::get<Reading>(result).price.to_string();
        EXPECT_TRUE(failure->reason == Reason::wrong_instrument ||
                    failure->reason == Reason::not_found || failure->reason == Reason::malformed)
            << row_of(failure->reason).name << ": " << failure->what;
    }
}

// The bytes that a reading points at hold the price that it gives.
TEST_F(Recordings, ShowWhereThePriceStands) {
    int shown = 0;
    for (const Entry& entry : entries_) {
        const Source* source = source_of(entry);
        if (source == nullptr || !entry.price) continue;
        SCOPED_TRACE(entry.file + " " + entry.instrument + " by " + source->name);
        const ReadResult result = read(entry, *source, entry.status);
        const auto* reading = std::get_if<Reading>(&result);
        if (reading == nullptr || reading->evidence_size == 0) continue;
        const std::string& body = bodies_.at(entry.file);
        ASSERT_LE(reading->evidence_at + reading->evidence_size, body.size());
        std::string bytes = body.substr(reading->evidence_at, reading->evidence_size);
        std::erase(bytes, ',');
        EXPECT_TRUE(
            bytes.find(*entry.price) != std::string::npos ||
            (entry.embedded_price && bytes.find(*entry.embedded_price) != std::string::npos))
            << bytes;
        ++shown;
    }
    EXPECT_GT(shown, 400);
}

}  // namespace
}  // namespace tapedeck
