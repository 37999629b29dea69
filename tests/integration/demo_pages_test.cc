// The shipped sources' rules read the demo's pages exactly: every source, every year's markup, the
// market open and closed; refusals are named as such; and libcurl gets the same over the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/clock.h"
#include "demo/demo_server.h"
#include "demo/demo_site.h"
#include "demo/demo_sources.h"
#include "net/curl_client.h"
#include "schedule/calendar_file.h"
#include "sources/source.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

Timestamp at(std::string_view text) {
    const auto time = parse_rfc3339(text);
    EXPECT_TRUE(time);
    return time ? *time : Timestamp();
}

Calendar xnas() {
    auto calendar = calendar_named("XNAS");
    EXPECT_TRUE(calendar) << calendar.error().what;
    return calendar ? *calendar : Calendar::always();
}

const Timestamp kOpen = at("2026-11-24T15:00:07.25Z");
const Timestamp kClosed = at("2026-11-24T23:30:00Z");

class DemoPages : public ::testing::Test {
protected:
    DemoPages() : clock_(kOpen) {
        auto sources = load_sources("");
        EXPECT_TRUE(sources) << sources.error().what;
        if (sources) sources_ = *sources;
        remake({});
    }

    void remake(DemoSiteOptions options) {
        options.rates = MisbehaviourRates::none();
        site_ = std::make_unique<DemoSite>(clock_, xnas(), std::move(options));
    }

    const Source& source(std::string_view name) const {
        const auto found = sources_.find(name);
        EXPECT_NE(found, sources_.end()) << name;
        return *found->second;
    }

    // What the site answers to the request that the source plans for these instruments.
    SiteAnswer ask(const Source& source, const std::vector<std::string>& instruments) {
        RequestValues values;
        values.key = Secret("demo-key");
        SiteRequest cookies;
        cookies.cookie = "A3=d=demo1";
        values.crumb = crumb_of(cookies.cookie);
        const auto planned = plan_requests(source, instruments, values);
        EXPECT_EQ(planned.size(), 1U) << source.name;
        const std::string url = demo_url("http://127.0.0.1:1", planned.at(0).request.url);
        SiteRequest request = site_request(std::string_view(url).substr(18), "127.0.0.1:1");
        request.cookie = cookies.cookie;
        request.key = "demo-key";
        return site_->answer(request);
    }

    ReadResult read(const Source& source, const SiteAnswer& answer, std::string_view instrument,
                    std::string_view url = "") {
        Page page;
        page.body = answer.body;
        page.status = answer.status;
        page.content_type = answer.content_type;
        page.url = url;
        page.fetched_at = clock_.now();
        return PageReader(source, page).read(instrument);
    }

    static const Reading& reading_of(const ReadResult& result, std::string_view place) {
        static const Reading kNone{};
        if (const auto* failure = std::get_if<Failure>(&result)) {
            ADD_FAILURE() << place << ": " << row_of(failure->reason).name << ": " << failure->what;
            return kNone;
        }
        return std::get<Reading>(result);
    }

    void expect_coin(std::string_view source_name, std::string_view slug) {
        const Source& from = source(source_name);
        const SiteAnswer answer = ask(from, {std::string(slug)});
        const std::string place = std::string(source_name) + " " + std::string(slug);
        const ReadResult result = read(from, answer, slug);
        const Reading& reading = reading_of(result, place);
        const PriceView view = site_->walk().view(*coin_by_slug(slug), clock_.now());
        EXPECT_EQ(reading.price, view.price) << place << " by " << reading.rule;
        if (!reading.currency.empty() && source_name != "binance") {
            EXPECT_EQ(reading.currency, "USD") << place;
        }
        if (reading.as_of) {
            EXPECT_LE(*reading.as_of, clock_.now()) << place;
            EXPECT_GE(*reading.as_of, clock_.now() - 60s) << place;
        }
    }

    void expect_stock(std::string_view source_name, std::string_view symbol) {
        const Source& from = source(source_name);
        const SiteAnswer answer = ask(from, {std::string(symbol)});
        const std::string place = std::string(source_name) + " " + std::string(symbol);
        const ReadResult result = read(from, answer, symbol);
        const Reading& reading = reading_of(result, place);
        const PriceView view = site_->walk().view(*stock_by_symbol(symbol), clock_.now());
        EXPECT_EQ(reading.price, view.price) << place << " by " << reading.rule;
        ASSERT_TRUE(reading.previous_close) << place << " by " << reading.rule;
        EXPECT_EQ(*reading.previous_close, view.previous_close) << place;
        EXPECT_EQ(reading.currency, "USD") << place;
        EXPECT_THAT(reading.name, ::testing::HasSubstr(view.instrument.name)) << place;
        if (reading.as_of) {
            EXPECT_EQ(*reading.as_of, std::chrono::floor<std::chrono::seconds>(view.as_of));
        }
    }

    ManualClock clock_;
    Sources sources_;
    std::unique_ptr<DemoSite> site_;
};

TEST_F(DemoPages, CoinPagesOfEveryYearAreReadToTheDigit) {
    for (const auto year : {CoinPageYear::y2023, CoinPageYear::y2025, CoinPageYear::y2026}) {
        DemoSiteOptions options;
        options.coin_year = year;
        remake(std::move(options));
        for (const std::string_view slug : {"bitcoin", "ethereum", "bnb", "dogecoin", "solana",
                                            "avalanche", "shiba-inu", "some-new-coin"}) {
            expect_coin("coinmarketcap", slug);
        }
    }
}

TEST_F(DemoPages, StockPagesOfEveryYearAreReadToTheDigitOpenAndClosed) {
    for (const Timestamp now : {kOpen, kClosed}) {
        clock_.step(now - clock_.now());
        for (const auto year : {StockPageYear::y2020, StockPageYear::y2023, StockPageYear::y2024,
                                StockPageYear::y2026}) {
            DemoSiteOptions options;
            options.stock_year = year;
            remake(std::move(options));
            for (const std::string_view symbol :
                 {"AAPL", "TSLA", "AMZN", "GOOG", "META", "NFLX", "ZZZZ"}) {
                SCOPED_TRACE(static_cast<int>(year));
                expect_stock("yahoo", symbol);
            }
        }
    }
}

TEST_F(DemoPages, EveryOtherCoinSourceReadsItsAnswer) {
    for (const std::string_view name : {"coinmarketcap-list", "coinmarketcap-api", "coingecko",
                                        "coinbase", "kraken", "binance", "bitstamp"}) {
        for (const std::string_view slug :
             {"bitcoin", "ethereum", "dogecoin", "solana", "avalanche"}) {
            if (name == "bitstamp" && slug == "bnb") continue;  // not traded there
            expect_coin(name, slug);
        }
    }
}

TEST_F(DemoPages, EveryOtherStockSourceReadsItsAnswer) {
    for (const Timestamp now : {kOpen, kClosed}) {
        clock_.step(now - clock_.now());
        for (const std::string_view name :
             {"yahoo-chart", "yahoo-quote", "yahoo-spark", "yahoo-summary"}) {
            for (const std::string_view symbol : {"AAPL", "NFLX", "ZZZZ"}) {
                expect_stock(name, symbol);
            }
        }
    }
}

TEST_F(DemoPages, OneAnswerIsReadForManyInstruments) {
    const std::vector<std::string> coins = {"bitcoin", "avalanche", "bnb", "dogecoin"};
    for (const std::string_view name : {"coingecko", "coinmarketcap-list", "kraken"}) {
        const Source& from = source(name);
        const SiteAnswer answer = ask(from, coins);
        for (const std::string& slug : coins) {
            const ReadResult result = read(from, answer, slug);
            EXPECT_EQ(reading_of(result, slug).price,
                      site_->walk().shown(*coin_by_slug(slug), clock_.now()))
                << name << " " << slug;
        }
    }
}

TEST_F(DemoPages, TheJsonInsideACoinPageIsOfAnotherMoment) {
    DemoSiteOptions options;
    options.coin_year = CoinPageYear::y2025;
    remake(std::move(options));
    const Source& from = source("coinmarketcap");
    const SiteAnswer answer = ask(from, {"bitcoin"});
    Page page;
    page.body = answer.body;
    page.fetched_at = clock_.now();
    PageReader reader(from, page);
    std::optional<Price> shown, embedded;
    for (const auto& [rule, result] : reader.read_every_rule("bitcoin")) {
        const auto* reading = std::get_if<Reading>(&result);
        if (!reading) continue;
        (rule == "next-data" ? embedded : shown) = reading->price;
    }
    ASSERT_TRUE(shown && embedded);
    EXPECT_NE(*shown, *embedded);
    EXPECT_EQ(*embedded, site_->walk().view(*coin_by_slug("bitcoin"), clock_.now()).embedded);
}

TEST_F(DemoPages, RefusalsAreNamedAsWhatTheyAre) {
    const auto reason_of = [&](std::string_view name, const SiteAnswer& answer,
                               std::string_view instrument, std::string_view url = "") {
        const ReadResult result = read(source(name), answer, instrument, url);
        const auto* failure = std::get_if<Failure>(&result);
        return failure ? std::string(row_of(failure->reason).name) : std::string("a price");
    };
    const auto misbehaving = [&](std::string_view name, std::string_view instrument,
                                 Misbehaviour kind) {
        site_->plan().script("", kind, 1);
        return reason_of(name, ask(source(name), {std::string(instrument)}), instrument);
    };
    for (const std::string_view name : {"coinmarketcap", "yahoo", "coingecko", "yahoo-chart"}) {
        const std::string_view instrument = name.starts_with("yahoo") ? "AAPL" : "bitcoin";
        EXPECT_EQ(misbehaving(name, instrument, Misbehaviour::throttled), "throttled") << name;
        EXPECT_EQ(misbehaving(name, instrument, Misbehaviour::server_error), "server_error");
        EXPECT_EQ(misbehaving(name, instrument, Misbehaviour::challenge), "challenge") << name;
        EXPECT_EQ(misbehaving(name, instrument, Misbehaviour::empty), "empty") << name;
        EXPECT_EQ(misbehaving(name, instrument, Misbehaviour::garbage), "malformed") << name;
    }
    EXPECT_EQ(misbehaving("yahoo", "AAPL", Misbehaviour::other_page), "wrong_instrument");
    EXPECT_EQ(misbehaving("coinmarketcap", "bitcoin", Misbehaviour::other_page),
              "wrong_instrument");
    const auto consent = site_->answer(
        site_request("/consent.yahoo.com/v2/collectConsent?sessionId=demo", "127.0.0.1:1"));
    EXPECT_EQ(reason_of("yahoo", consent, "AAPL"), "consent");
    const auto lookup =
        site_->answer(site_request("/finance.yahoo.com/lookup?s=none", "127.0.0.1:1"));
    EXPECT_EQ(reason_of("yahoo", lookup, "NONEXIST"), "not_found");
    for (const std::string_view name :
         {"coinmarketcap", "coinmarketcap-list", "coinmarketcap-api", "coingecko", "coinbase",
          "kraken", "binance", "bitstamp", "yahoo-chart", "yahoo-quote", "yahoo-spark",
          "yahoo-summary"}) {
        EXPECT_EQ(reason_of(name, ask(source(name), {"unknown-x"}), "unknown-x"), "not_found")
            << name;
    }
    EXPECT_EQ(reason_of("yahoo-quote",
                        site_->answer(site_request(
                            "/query1.finance.yahoo.com/v7/finance/quote?symbols=AAPL", "")),
                        "AAPL"),
              "unauthorized");
}

// The whole way: libcurl, the server, the rules; with the session step of Yahoo's quotes, in both
// forms of URL.
TEST_F(DemoPages, LibcurlAndTheRulesReadTheServer) {
    auto server = DemoServer::start(*site_, {});
    ASSERT_TRUE(server) << server.error().what;
    const std::uint16_t port = (*server)->port();
    CurlOptions curl_options;
    auto client = CurlClient::open(clock_, curl_options);
    ASSERT_TRUE(client) << client.error().what;
    const auto fetch = [&](std::string url, std::string jar) {
        Request request;
        request.url = std::move(url);
        request.cookie_jar = std::move(jar);
        (*client)->start(RequestId(1), std::move(request));
        const auto answers = (*client)->wait(20s, {});
        EXPECT_EQ(answers.size(), 1U);
        return answers.empty() ? Answer() : answers.front();
    };
    for (const bool own_hosts : {false, true}) {
        const auto url_of = [&](std::string_view url) {
            return own_hosts ? demo_site_url(port, url) : demo_url((*server)->base_url(), url);
        };
        const std::string jar = own_hosts ? "hosts" : "paths";
        const Source& from = source("yahoo-quote");
        ASSERT_TRUE(from.session);
        fetch(url_of(from.session->cookie_url), jar);
        RequestValues values;
        values.crumb = fetch(url_of(from.session->crumb_url), jar).body;
        const std::vector<std::string> symbols = {"AAPL", "TSLA"};
        const auto planned = plan_requests(from, symbols, values);
        ASSERT_EQ(planned.size(), 1U);
        const Answer quotes = fetch(url_of(planned[0].request.url), jar);
        EXPECT_EQ(quotes.status, 200)
            << quotes.body << (quotes.failure ? quotes.failure->what : "");
        SiteAnswer as_page;
        as_page.body = quotes.body;
        for (const std::string& symbol : symbols) {
            const ReadResult result = read(from, as_page, symbol, quotes.url);
            EXPECT_EQ(reading_of(result, symbol).price,
                      site_->walk().shown(*stock_by_symbol(symbol), clock_.now()));
        }
        // A consent page is named as such after its redirect.
        site_->plan().script("finance.yahoo.com", Misbehaviour::consent, 1);
        const Answer consent = fetch(url_of("https://finance.yahoo.com/quote/AAPL/"), jar);
        as_page.body = consent.body;
        const ReadResult result = read(source("yahoo"), as_page, "AAPL", consent.url);
        ASSERT_TRUE(std::holds_alternative<Failure>(result));
        EXPECT_EQ(std::get<Failure>(result).reason, Reason::consent);
    }
    (*server)->stop();
}

TEST_F(DemoPages, SavedRecordingsAreReadThroughTheSiteAsAPersonReadsThem) {
    const char* set = std::getenv("TAPEDECK_SHARED_DATA");
    const std::string data = set ? set : TAPEDECK_ROOT "/../shared/data";
    if (!std::filesystem::exists(data + "/expected.json")) {
        GTEST_SKIP() << "SKIPPED: no recordings in " << data << "; set TAPEDECK_SHARED_DATA";
    }
    auto folder = PageFolder::open(data);
    ASSERT_TRUE(folder) << folder.error().what;
    const std::vector<ServedInstrument> all = folder->served();
    DemoSiteOptions options;
    options.folder = std::move(*folder);
    remake(std::move(options));
    for (const ServedInstrument& served : all) {
        const Source& from = source(served.source);
        const SiteAnswer answer = ask(from, {served.instrument});
        const std::string place = served.source + " " + served.instrument + " of " + served.file;
        const ReadResult result = read(from, answer, served.instrument);
        EXPECT_EQ(reading_of(result, place).price.to_string(), served.price) << place;
    }
}

}  // namespace
}  // namespace tapedeck
