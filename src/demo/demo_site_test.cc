#include "demo/demo_site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include "config/shipped.h"
#include "demo/demo_testing.h"

namespace tapedeck {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Timestamp kNow = at("2026-11-24T15:00:07.25Z");

class DemoSiteTest : public ::testing::Test {
protected:
    explicit DemoSiteTest() : clock_(kNow) {}

    std::unique_ptr<DemoSite> site(DemoSiteOptions options) {
        return std::make_unique<DemoSite>(clock_, stock_calendar(), std::move(options));
    }
    Price coin_price(DemoSite& site, std::string_view slug) {
        return site.walk().shown(*coin_by_slug(slug), clock_.now());
    }

    ManualClock clock_;
};

// The text as a reader sees it: tags and scripts away, white space in one.
std::string visible(std::string_view page) {
    std::string text;
    while (!page.empty()) {
        const auto tag = std::min(page.find('<'), page.size());
        text += page.substr(0, tag);
        page.remove_prefix(tag);
        if (page.empty()) break;
        for (const std::string_view raw : {"<script", "<style", "<title"}) {
            if (!page.starts_with(raw)) continue;
            page.remove_prefix(page.find("</"));
        }
        page.remove_prefix(std::min(page.find('>'), page.size() - 1) + 1);
    }
    return text;
}

// Every element that is opened is closed, in order; void elements apart.
void expect_well_formed(std::string_view page) {
    std::vector<std::string> open;
    ASSERT_TRUE(page.starts_with("<!DOCTYPE html>"));
    page.remove_prefix(15);
    while (true) {
        const auto tag = page.find('<');
        if (tag == std::string_view::npos) break;
        page.remove_prefix(tag);
        if (page.starts_with("<!--")) {
            page.remove_prefix(page.find("-->") + 3);
            continue;
        }
        const auto end = page.find('>');
        ASSERT_NE(end, std::string_view::npos);
        std::string_view inside = page.substr(1, end - 1);
        page.remove_prefix(end + 1);
        const bool closes = inside.starts_with('/');
        if (closes) inside.remove_prefix(1);
        const std::string name(inside.substr(0, inside.find_first_of(" /\n")));
        if (name == "meta" || name == "link" || name == "br" || name == "img") continue;
        if (!closes) {
            open.push_back(name);
            if (name == "script" || name == "style") page.remove_prefix(page.find("</"));
            continue;
        }
        ASSERT_FALSE(open.empty()) << name;
        ASSERT_EQ(open.back(), name);
        open.pop_back();
    }
    EXPECT_TRUE(open.empty());
}

TEST_F(DemoSiteTest, CoinPagesOfEveryYearAreWellFormedAndShowThePrice) {
    for (const auto year : {CoinPageYear::y2023, CoinPageYear::y2025, CoinPageYear::y2026}) {
        auto options = quiet_options();
        options.coin_year = year;
        const auto demo = site(std::move(options));
        for (const std::string_view slug : {"bitcoin", "dogecoin", "shiba-inu", "some-coin"}) {
            const auto answer =
                get(*demo, "/coinmarketcap.com/currencies/" + std::string(slug) + "/");
            EXPECT_EQ(answer.status, 200);
            expect_well_formed(answer.body);
            EXPECT_THAT(visible(answer.body), HasSubstr("$" + grouped(coin_price(*demo, slug))));
            EXPECT_THAT(answer.body, HasSubstr("__NEXT_DATA__"));
        }
    }
}

TEST_F(DemoSiteTest, StockPagesOfEveryYearAreWellFormedAndShowPriceAndPreviousClose) {
    for (const Timestamp now : {kNow, at("2026-11-24T23:00:00Z")}) {
        clock_.step(now - clock_.now());
        for (const auto year : {StockPageYear::y2020, StockPageYear::y2023, StockPageYear::y2024,
                                StockPageYear::y2026}) {
            auto options = quiet_options();
            options.stock_year = year;
            const auto demo = site(std::move(options));
            for (const std::string_view symbol : {"AAPL", "NFLX", "ZZZZ"}) {
                const auto answer = get(*demo, "/finance.yahoo.com/quote/" + std::string(symbol));
                const PriceView view = demo->walk().view(*stock_by_symbol(symbol), now);
                EXPECT_EQ(answer.status, 200);
                expect_well_formed(answer.body);
                const std::string text = visible(answer.body);
                EXPECT_THAT(text, HasSubstr(grouped(view.price)));
                EXPECT_THAT(text, HasSubstr("Previous Close"));
                EXPECT_THAT(text, HasSubstr(grouped(view.previous_close)));
                EXPECT_THAT(answer.body, HasSubstr("(" + std::string(symbol) + ") Stock Price"));
                if (view.after_hours) {
                    EXPECT_THAT(text, HasSubstr(grouped(*view.after_hours)));
                }
            }
        }
    }
}

TEST_F(DemoSiteTest, AnIndexStandsBeforeThePagesOwnPriceIn2023) {
    auto options = quiet_options();
    options.stock_year = StockPageYear::y2023;
    const auto demo = site(std::move(options));
    const std::string page = get(*demo, "/finance.yahoo.com/quote/AAPL").body;
    const auto first = page.find("data-field=\"regularMarketPrice\"");
    ASSERT_NE(first, std::string::npos);
    EXPECT_THAT(page.substr(first - 60, 60), HasSubstr("^GSPC"));
}

TEST_F(DemoSiteTest, SaysOnEveryPageThatItIsADemo) {
    const auto demo = site(quiet_options());
    for (const std::string_view target :
         {"/coinmarketcap.com/currencies/bitcoin/", "/coinmarketcap.com/",
          "/finance.yahoo.com/quote/AAPL", "/consent.yahoo.com/v2/collectConsent",
          "/finance.yahoo.com/lookup?s=x", "/nowhere.example/"}) {
        const std::string page = get(*demo, target).body;
        EXPECT_THAT(page, HasSubstr(kDemoMeta)) << target;
        EXPECT_THAT(visible(page), HasSubstr("made by the tapedeck demo")) << target;
    }
}

TEST_F(DemoSiteTest, PagesWeighWhatTheyAreToldTo) {
    const auto light = site(quiet_options(0));
    const auto heavy = site(quiet_options(150'000));
    for (const std::string_view target :
         {"/coinmarketcap.com/currencies/bitcoin/", "/finance.yahoo.com/quote/AAPL"}) {
        EXPECT_LT(get(*light, target).body.size(), 20'000U);
        EXPECT_GT(get(*heavy, target).body.size(), 100'000U);
        EXPECT_LT(get(*heavy, target).body.size(), 220'000U);
    }
}

TEST_F(DemoSiteTest, JsonEndPointsGiveThePageSPrice) {
    const auto demo = site(quiet_options());
    struct Case {
        std::string_view target, pointer;
        bool text;
    };
    const Case cases[] = {
        {"/api.coingecko.com/api/v3/simple/price?ids=dogecoin,bnb&vs_currencies=usd",
         "/dogecoin/usd", false},
        {"/api.coingecko.com/api/v3/coins/markets?vs_currency=usd&ids=dogecoin", "/0/current_price",
         false},
        {"/api.coingecko.com/api/v3/coins/dogecoin", "/market_data/current_price/usd", false},
        {"/api.coinbase.com/v2/prices/DOGE-USD/spot", "/data/amount", true},
        {"/api.coinbase.com/api/v3/brokerage/market/products/DOGE-USD/ticker?limit=1",
         "/trades/0/price", true},
        {"/api.coinbase.com/api/v3/brokerage/market/products/DOGE-USD", "/price", true},
        {"/api.exchange.coinbase.com/products/DOGE-USD/ticker", "/price", true},
        {"/api.kraken.com/0/public/Ticker?pair=XDGUSD", "/result/XDGUSD/c/0", true},
        {"/api.binance.com/api/v3/ticker/24hr?symbol=DOGEUSDT", "/lastPrice", true},
        {"/www.bitstamp.net/api/v2/ticker/dogeusd/", "/last", true},
    };
    for (const Case& c : cases) {
        const auto answer = get(*demo, c.target);
        simdjson::dom::parser parser;
        simdjson::dom::element price;
        ASSERT_EQ(parser.parse(answer.body).at_pointer(c.pointer).get(price), simdjson::SUCCESS)
            << c.target << " " << answer.body;
        std::string text = simdjson::minify(price);
        EXPECT_EQ(text.starts_with('"'), c.text) << c.target;
        std::erase(text, '"');
        const auto read = Price::parse(text);
        ASSERT_TRUE(read) << c.target << " " << text;
        EXPECT_EQ(*read, coin_price(*demo, "dogecoin")) << c.target;
    }
}

TEST_F(DemoSiteTest, YahoosEndPointsGiveThePagesPrice) {
    const auto demo = site(quiet_options());
    const PriceView view = demo->walk().view(*stock_by_symbol("NFLX"), clock_.now());
    const std::string price = view.price.normalized().to_string();
    const std::string close = view.previous_close.normalized().to_string();
    for (const std::string_view target :
         {"/query1.finance.yahoo.com/v8/finance/chart/NFLX?interval=1m&range=1d",
          "/query1.finance.yahoo.com/v7/finance/spark?symbols=AAPL,NFLX&range=1d"}) {
        const auto answer = get(*demo, target);
        simdjson::dom::parser parser;
        ASSERT_EQ(parser.parse(answer.body).error(), simdjson::SUCCESS);
        EXPECT_THAT(answer.body, HasSubstr("\"regularMarketPrice\":" + price + ","));
        EXPECT_THAT(answer.body, HasSubstr("\"previousClose\":" + close + ","));
        EXPECT_THAT(answer.body, HasSubstr("\"regularMarketTime\":1795532407"));
    }
}

TEST_F(DemoSiteTest, QuotesNeedACookieAndItsCrumb) {
    const auto demo = site(quiet_options());
    const std::string target = "/query1.finance.yahoo.com/v7/finance/quote?symbols=AAPL,TSLA";
    EXPECT_EQ(get(*demo, target).status, 401);
    EXPECT_EQ(get(*demo, "/query1.finance.yahoo.com/v1/test/getcrumb").status, 401);

    const auto cookie_page = get(*demo, "/fc.yahoo.com/");
    const std::string* cookie = header_of(cookie_page, "Set-Cookie");
    ASSERT_TRUE(cookie);
    const std::string value = cookie->substr(0, cookie->find(';'));
    const auto crumb = get(*demo, "/query1.finance.yahoo.com/v1/test/getcrumb", value);
    ASSERT_EQ(crumb.status, 200);
    std::string escaped = crumb.body;
    escaped.replace(escaped.find('/'), 1, "%2F");

    EXPECT_EQ(get(*demo, target + "&crumb=" + escaped).status, 401);  // without the cookie
    EXPECT_EQ(get(*demo, target + "&crumb=wrong", value).status, 401);
    const auto answer = get(*demo, target + "&crumb=" + escaped, value);
    EXPECT_EQ(answer.status, 200);
    EXPECT_THAT(answer.body, HasSubstr("\"symbol\":\"AAPL\""));
    EXPECT_THAT(answer.body, HasSubstr("\"symbol\":\"TSLA\""));
}

TEST_F(DemoSiteTest, CoinmarketcapsApiNeedsAKey) {
    const auto demo = site(quiet_options());
    const std::string target =
        "/pro-api.coinmarketcap.com/v2/cryptocurrency/quotes/latest?slug=bitcoin,bnb&convert=USD";
    EXPECT_EQ(get(*demo, target).status, 401);
    const auto answer = get(*demo, target, {}, "k");
    EXPECT_EQ(answer.status, 200);
    EXPECT_THAT(answer.body, HasSubstr("\"price\":" + coin_price(*demo, "bnb").to_string()));
}

TEST_F(DemoSiteTest, ListsShowWhatIsAskedForBeyondTheUsual) {
    const auto demo = site(quiet_options());
    const auto answer = get(*demo, "/coinmarketcap.com/?asked=bitcoin,some-new-coin,unknown-x");
    expect_well_formed(answer.body);
    const std::string text = visible(answer.body);
    EXPECT_THAT(text, HasSubstr("$" + grouped(coin_price(*demo, "bitcoin"))));
    EXPECT_THAT(text, HasSubstr("$" + grouped(coin_price(*demo, "some-new-coin"))));
    EXPECT_THAT(answer.body, Not(HasSubstr("unknown-x")));
}

TEST_F(DemoSiteTest, UnknownNamesGetEachSitesOwnRefusal) {
    const auto demo = site(quiet_options());
    EXPECT_EQ(get(*demo, "/coinmarketcap.com/currencies/unknown-coin/").status, 404);
    const auto page = get(*demo, "/finance.yahoo.com/quote/NONEXIST");
    EXPECT_EQ(page.status, 302);
    ASSERT_TRUE(header_of(page, "Location"));
    EXPECT_EQ(*header_of(page, "Location"), "/finance.yahoo.com/lookup?s=none");
    EXPECT_EQ(get(*demo, "/query1.finance.yahoo.com/v8/finance/chart/NONEXIST").status, 404);
    EXPECT_EQ(get(*demo, "/api.coingecko.com/api/v3/simple/price?ids=unknown-x").body, "{}");
    EXPECT_EQ(get(*demo, "/api.binance.com/api/v3/ticker/24hr?symbol=UNKNOWNUSDT").status, 400);
    EXPECT_THAT(get(*demo, "/api.kraken.com/0/public/Ticker?pair=XXBTZUSD,UNKNOWNUSD").body,
                HasSubstr("EQuery:Unknown asset pair"));
    EXPECT_EQ(get(*demo, "/no.such.site/x").status, 404);
    EXPECT_EQ(get(*demo, "/").status, 404);
    EXPECT_EQ(get(*demo, "").status, 404);
}

TEST_F(DemoSiteTest, KnowsTheUrlOfEveryShippedSource) {
    for (const ShippedFile& file : shipped_files()) {
        if (!file.path.starts_with("data/sources/")) continue;
        const auto begin = file.text.find("\nurl = \"") + 8;
        std::string url(file.text.substr(begin, file.text.find('"', begin) - begin));
        const std::string name(file.path.substr(13, file.path.size() - 18));
        for (const std::string_view place :
             {"{symbol}", "{symbols}", "{instrument}", "{instruments}"}) {
            const auto at = url.find(place);
            if (at != std::string::npos) url.replace(at, place.size(), "BTC-USD");
        }
        const std::string target = url.substr(7);  // "/host/path"
        EXPECT_EQ(source_of(understand(site_request(target, "127.0.0.1:1")).page), name) << url;
        const std::string host = url.substr(8, url.find('/', 8) - 8);
        const std::string path = url.substr(url.find('/', 8));
        EXPECT_EQ(source_of(understand(site_request(path, host + ".localhost:1")).page), name)
            << url;
    }
}

TEST_F(DemoSiteTest, MisbehavesAsScriptedAndThenAnswersWell) {
    const auto demo = site(quiet_options());
    const std::string_view target = "/finance.yahoo.com/quote/AAPL";
    const auto once = [&](Misbehaviour kind) {
        demo->plan().script("finance.yahoo.com", kind, 1);
        auto answer = get(*demo, target);
        EXPECT_EQ(get(*demo, target).status, 200);
        return answer;
    };
    const auto consent = once(Misbehaviour::consent);
    EXPECT_EQ(consent.status, 302);
    EXPECT_THAT(*header_of(consent, "Location"), HasSubstr("/consent.yahoo.com/"));
    EXPECT_THAT(get(*demo, *header_of(consent, "Location")).body, HasSubstr("consent-form"));
    const auto throttled = once(Misbehaviour::throttled);
    EXPECT_EQ(throttled.status, 429);
    EXPECT_EQ(*header_of(throttled, "Retry-After"), "3");
    EXPECT_EQ(once(Misbehaviour::server_error).status, 503);
    EXPECT_EQ(once(Misbehaviour::challenge).status, 403);
    EXPECT_EQ(once(Misbehaviour::slow).delay, std::chrono::milliseconds(1500));
    EXPECT_EQ(once(Misbehaviour::cut).delivery, Delivery::cut);
    EXPECT_EQ(once(Misbehaviour::drip).delivery, Delivery::drip);
    EXPECT_EQ(once(Misbehaviour::hang).delivery, Delivery::hang);
    EXPECT_EQ(once(Misbehaviour::empty).body, "");
    EXPECT_EQ(once(Misbehaviour::garbage).body.size(), 4096U);
    EXPECT_EQ(*header_of(once(Misbehaviour::redirects), "Location"), target);
    EXPECT_THAT(once(Misbehaviour::other_page).body, HasSubstr("(MSFT) Stock Price"));
}

TEST_F(DemoSiteTest, AScriptForOneSiteLeavesTheOthersAlone) {
    const auto demo = site(quiet_options());
    demo->plan().script("coinmarketcap.com", Misbehaviour::server_error, 2);
    EXPECT_EQ(get(*demo, "/finance.yahoo.com/quote/AAPL").status, 200);
    EXPECT_EQ(get(*demo, "/coinmarketcap.com/currencies/bnb/").status, 503);
    EXPECT_EQ(get(*demo, "/coinmarketcap.com/currencies/bnb/").status, 503);
    EXPECT_EQ(get(*demo, "/coinmarketcap.com/currencies/bnb/").status, 200);
}

TEST(MisbehaviourPlan, KeepsItsRatesAndItsSeed) {
    const MisbehaviourRates rates;
    MisbehaviourPlan plan(5, rates);
    MisbehaviourPlan same(5, rates);
    MisbehaviourPlan sober(5, MisbehaviourRates::none());
    int bad = 0;
    for (int i = 0; i < 100'000; ++i) {
        const std::string target = "/quote/S" + std::to_string(i % 50);
        const auto kind = plan.next("finance.yahoo.com", target, true);
        EXPECT_EQ(kind, same.next("finance.yahoo.com", target, true));
        EXPECT_FALSE(sober.next("finance.yahoo.com", target, true));
        bad += kind ? 1 : 0;
    }
    EXPECT_GT(bad, 2'700);
    EXPECT_LT(bad, 3'300);
}

TEST(SiteRequest, SurvivesAnyBytes) {
    std::uint64_t state = 42;
    for (int i = 0; i < 20'000; ++i) {
        std::string target =
            i % 2 ? "/finance.yahoo.com/quote/" : "/api.kraken.com/0/public/Ticker?";
        for (int j = 0; j < i % 40; ++j) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            target += "%/?&=,[]\"{}a1\n\xFF"[(state >> 33) % 15];
        }
        const SiteRequest request = site_request(target, i % 3 ? "x.localhost:9" : "");
        EXPECT_LE(understand(request).names.size(), 1000U);
    }
}

}  // namespace
}  // namespace tapedeck
