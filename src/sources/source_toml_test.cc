#include <gtest/gtest.h>

#include "sources/source.h"

namespace tapedeck {
namespace {

Page page_with(std::string_view body, int status = 200) {
    Page page;
    page.body = body;
    page.status = status;
    return page;
}

constexpr std::string_view kHead =
    "[source]\nname = \"mine\"\nurl = \"https://example.com/{instrument}\"\n";
constexpr std::string_view kRule = "[[rule]]\nname = \"r\"\nprice = { css = \".p\" }\n";

std::string error_of(const std::string& text) {
    const auto source = parse_source(text, "mine.toml");
    return source ? "" : source.error().what;
}
std::string error_of(std::string_view source, std::string_view rule) {
    return error_of(std::string(kHead) + std::string(source) + std::string(rule));
}

// A copy of a shipped source with another currency in its URL alone would call euros dollars.
TEST(SourceToml, RefusesACurrencyThatTheUrlDoesNotAskFor) {
    const auto with = [](const std::string& url, const std::string& source,
                         const std::string& rule) {
        return error_of("[source]\nname = \"mine\"\nurl = \"https://example.com/" + url + "\"\n" +
                        source + std::string(kRule) + rule);
    };
    const std::string said = "currency = \"USD\": the url asks for prices in EUR";
    EXPECT_EQ(with("{symbol}?vs_currency=eur", "", "currency = \"USD\"\n"), "mine.toml:7: " + said);
    EXPECT_EQ(with("{symbol}?a=b&convert=EUR", "currency = \"USD\"\n", ""), "mine.toml:4: " + said);
    EXPECT_EQ(with("{symbol}?convert=EUR", "", "currency = { constant = \"USD\" }\n"),
              "mine.toml:7: " + said);
    EXPECT_EQ(with("{symbol}?convert=EUR", "", "currency = [{ css = \".c\" }, \"USD\"]\n"),
              "mine.toml:7: " + said);
    EXPECT_EQ(with("{symbol}?vs_currencies=usd,eur", "", "currency = \"USD\"\n"), "");
    EXPECT_EQ(with("{symbol}?vs_currency={symbol}", "", "currency = \"USD\"\n"), "");
    EXPECT_EQ(with("{symbol}?pair=eur", "", "currency = \"USD\"\n"), "");
    EXPECT_EQ(with("{symbol}?convert=EUR", "", "currency = { css = \".c\" }\n"), "");
}

TEST(SourceToml, NamesTheTimeZonesAndProxiesThatItRefuses) {
    EXPECT_NE(error_of("", std::string(kRule) + "as_of = { css = \".t\", zone = \"Mars\" }\n")
                  .find("mine.toml:7: zone = \"Mars\": "),
              std::string::npos);
    const std::string proxy = error_of("proxy = \"htp://joe:hunter2@proxy\"\n", kRule);
    EXPECT_NE(proxy.find("mine.toml:4: "), std::string::npos) << proxy;
    EXPECT_EQ(proxy.find("hunter2"), std::string::npos) << proxy;
}

TEST(SourceToml, ReadsWhatASourceIs) {
    const auto source = parse_source(std::string(kHead) + R"(
pace = "5/10s"
timeout = "2s"
max_bytes = "1MiB"
max_age = "1h"
identity = "url"
secret = "my_key"
proxy = "http://user:password@localhost:3128"
history = true
session = { cookie_url = "https://example.com/c", crumb_url = "https://example.com/d" }
headers = { Accept = "text/html", X-Key = "{key}" }
symbols = { bitcoin = "BTC-USD" }
)" + std::string(kRule),
                                     "mine.toml");
    ASSERT_TRUE(source) << source.error().what;
    EXPECT_EQ(source->name, "mine");
    EXPECT_EQ(source->pace, (Pace{5, std::chrono::seconds(10)}));
    EXPECT_EQ(source->timeout, std::chrono::seconds(2));
    EXPECT_EQ(source->max_bytes, 1024 * 1024);
    EXPECT_EQ(source->max_age, std::chrono::hours(1));
    EXPECT_EQ(source->secret, "my_key");
    EXPECT_EQ(source->proxy->reveal(), "http://user:password@localhost:3128");
    EXPECT_TRUE(source->serves_history);
    EXPECT_EQ(source->session->crumb_url, "https://example.com/d");
    EXPECT_EQ(source->headers.size(), 2u);
    EXPECT_EQ(source->symbols.at("bitcoin"), "BTC-USD");
    EXPECT_EQ(source->max_instruments, 1);
    EXPECT_EQ(source->file, "mine.toml");
}

TEST(SourceToml, ErrorsNameFileLineKeyValueAndTheNearestKey) {
    EXPECT_EQ(error_of("pase = \"1/s\"\n", kRule),
              "mine.toml:4: pase = \"1/s\": [source] has no such key; did you mean pace?");
    EXPECT_EQ(error_of("pace = \"often\"\n", kRule),
              "mine.toml:4: pace = \"often\": a count in a time is expected, such as \"30/min\"");
    EXPECT_EQ(error_of("timeout = 10\n", kRule), "mine.toml:4: timeout = 10: a text is expected");
    EXPECT_EQ(error_of("", "[[rule]]\nname = \"r\"\nprice = { csss = \".p\" }\n"),
              "mine.toml:6: csss = \".p\": price has no such key; did you mean css?");
    EXPECT_EQ(error_of("", "[[rule]]\nname = \"r\"\nprice = { css = \"a >\" }\n"),
              "mine.toml:6: css = \"a >\": selector \"a >\": a selector expected at character 4");
    EXPECT_EQ(error_of("", "[[error]]\nreason = \"throtled\"\nstatus = 429\n" + std::string(kRule)),
              "mine.toml:5: reason = \"throtled\": a reason is expected; did you mean throttled?");
}

TEST(SourceToml, RefusesWhatCannotWork) {
    const std::string rule(kRule);
    EXPECT_NE(error_of("name = 1"), "");
    EXPECT_NE(error_of(std::string(kRule)), "");
    EXPECT_NE(error_of("", ""), "");
    EXPECT_NE(error_of("max_instruments = 5\n", kRule), "");  // the url takes one
    EXPECT_NE(error_of("identity = \"maybe\"\n", kRule), "");
    EXPECT_NE(error_of("max_bytes = \"much\"\n", kRule), "");
    EXPECT_NE(error_of("", rule + rule), "");  // one name twice
    EXPECT_TRUE(
        parse_source("[source]\nname = \"a\"\nurl = \"https://e.com/{symbol}\"\n"
                     "session = { cookie_url = \"https://e.com/\" }\n" +
                         rule,
                     "mine.toml"));
    EXPECT_FALSE(
        parse_source("[source]\nname = \"a\"\nurl = \"https://e.com/{symbol}?{crumb}\"\n"
                     "session = { cookie_url = \"https://e.com/\" }\n" +
                         rule,
                     "mine.toml"));
    EXPECT_NE(error_of("", "[[rule]]\nname = \"r\"\n"), "");
    EXPECT_NE(error_of("", "[[rule]]\nname = \"r\"\nprice = \"12.50\"\n"), "");
    EXPECT_NE(error_of("", "[[rule]]\nname = \"r\"\nprice = { css = \"a\", label = \"b\" }\n"), "");
    EXPECT_NE(error_of("", "[[rule]]\nname = \"r\"\njson = \"none\"\nprice = \"/a\"\n"), "");
    EXPECT_NE(error_of("", "[[rule]]\nname = \"r\"\nscript = \"div > script\"\nprice = \"/a\"\n"),
              "");
    EXPECT_NE(error_of("", "[[rule]]\nname = \"r\"\nentries = \"tr\"\nprice = { css = \"a\" }\n"),
              "");
    EXPECT_NE(error_of("", "[[error]]\nreason = \"consent\"\n" + rule), "");
    EXPECT_NE(error_of("", "[[rule]]\nname = \"r\"\nprice = [\n"), "");
}

TEST(SourceToml, ReadsTheFormsOfTheDesign) {
    const auto source = parse_source(R"(
[source]
name = "coinmarketcap"
url = "https://coinmarketcap.com/currencies/{instrument}/"
pace = "30/min"
timeout = "10s"
max_bytes = "8MiB"
identity = "page"
headers = {}
[page]
symbol = { css = "h1" }
[[rule]]
name = "price-class"
price = { css = ".priceValue" }
[[rule]]
name = "next-data"
script = "#__NEXT_DATA__"
price = "/props/pageProps/detailRes/detail/statistics/price"
)",
                                     "mine.toml");
    ASSERT_TRUE(source) << source.error().what;
    const std::string page =
        "<h1>bitcoin</h1><div class='priceValue'><span>$22,470.52</span></div>"
        "<script id=__NEXT_DATA__>{\"props\":{\"pageProps\":{\"detailRes\":{\"detail\":"
        "{\"statistics\":{\"price\":22471.123}}}}}}</script>";
    const auto results = PageReader(*source, page_with(page)).read_every_rule("bitcoin");
    ASSERT_EQ(results.size(), 2u);
    EXPECT_EQ(std::get<Reading>(results[0].second).price.to_string(), "22470.52");
    EXPECT_EQ(std::get<Reading>(results[1].second).price.to_string(), "22471.123");
}

TEST(SourceToml, MakesASourceOfTheOriginalsParameters) {
    const auto coin = make_source(
        {"coin_scraping", "https://coinmarketcap.com/currencies/", "priceValue", "", ""});
    ASSERT_TRUE(coin) << coin.error().what;
    const std::vector<std::string> coins{"bitcoin"};
    EXPECT_EQ(plan_requests(*coin, coins, {})[0].request.url,
              "https://coinmarketcap.com/currencies/bitcoin");
    // As on pages of 2023, where the price in bitcoin stands below with that very text of a class.
    const std::string page =
        "<div class=\"priceValue \"><span>$22,470.52</span></div><div class=\"priceValue\">1</div>";
    const auto result = PageReader(*coin, page_with(page)).read("bitcoin");
    EXPECT_EQ(std::get<Reading>(result).price.to_string(), "22470.52");

    // Issue 11: an element with one class more, standing earlier, gave 999.99 for 154.82.
    const auto listed = make_source({"x", "https://example.com/", "price big", "", ""});
    const std::string two = "<i class='price big old'>999.99</i><i class='price big'>154.82</i>";
    const auto exact = PageReader(*listed, page_with(two)).read("x");
    ASSERT_TRUE(std::holds_alternative<Reading>(exact)) << std::get<Failure>(exact).what;
    EXPECT_EQ(std::get<Reading>(exact).price.to_string(), "154.82");

    const auto stock = make_source({"stock_scraping", "https://finance.yahoo.com/quote/",
                                    "Fw(b) Fz(36px) Mb(-4px) D(ib)", "D(ib) Fz(18px)",
                                    "Ta(end) Fw(600) Lh(14px)"});
    ASSERT_TRUE(stock) << stock.error().what;
    const std::string quote =
        "<h1 class='D(ib) Fz(18px)'>Apple Inc. (AAPL)</h1><fin-streamer class='Fw(b) Fz(36px) "
        "Mb(-4px) D(ib)'>1,173.60</fin-streamer><table><td class='Ta(end) Fw(600) Lh(14px)'>173.57";
    const auto reading = PageReader(*stock, page_with(quote + "</table>")).read("AAPL");
    ASSERT_TRUE(std::holds_alternative<Reading>(reading)) << std::get<Failure>(reading).what;
    EXPECT_EQ(std::get<Reading>(reading).price.to_string(), "1173.60");
    EXPECT_EQ(std::get<Reading>(reading).previous_close->to_string(), "173.57");
    EXPECT_EQ(std::get<Reading>(reading).name, "Apple Inc.");
    const auto other = PageReader(*stock, page_with(quote)).read("MSFT");
    EXPECT_EQ(std::get<Failure>(other).reason, Reason::wrong_instrument);
    EXPECT_FALSE(make_source({"x", "https://example.com/", " ", "", ""}));
    EXPECT_FALSE(make_source({"x", "example", "a", "", ""}));
}

TEST(SourceToml, BoundsWhatASourceMayAskOfAPage) {
    const auto rule = [](const std::string& price) {
        return "[[rule]]\nname = \"r\"\nprice = " + price + "\n";
    };
    const std::string classes(200'000, 'c');
    EXPECT_EQ(error_of("", rule("{ css = \"." + classes + "\" }")),
              "mine.toml:6: a selector of 200001 bytes; at most 4096 are read: \"." +
                  classes.substr(0, 39) + "...\"");
    EXPECT_EQ(error_of("", rule("{ classes = \"" + classes + "\" }")),
              "mine.toml:6: a list of classes of 200000 bytes; at most 4096 are read: \"" +
                  classes.substr(0, 40) + "...\"");
    EXPECT_EQ(error_of("", rule("\"/" + classes + "\"")),
              "mine.toml:6: a JSON pointer of 200001 bytes; at most 1024 are read: \"/" +
                  classes.substr(0, 39) + "...\"");
    std::string deep;
    for (int i = 0; i < 65; ++i) deep += "/a";
    EXPECT_NE(error_of("", rule("\"" + deep + "\"")).find("more than 64 parts"), std::string::npos);
    std::string rules, finders, errors;
    for (int i = 0; i < 201; ++i) {
        rules += "[[rule]]\nname = \"r" + std::to_string(i) + "\"\nprice = { css = \"b\" }\n";
        errors += "[[error]]\nreason = \"throttled\"\nstatus = 429\n";
        finders += "{ css = \"b\" },";
    }
    EXPECT_NE(error_of("", rules).find("201 [[rule]]; at most 200 are read"), std::string::npos);
    EXPECT_NE(error_of("", errors + rule("{ css = \"b\" }")).find("201 [[error]]; at most 200"),
              std::string::npos);
    EXPECT_EQ(error_of("", rule("[" + finders + "]")),
              "mine.toml:6: 201 price; at most 200 are read");
    EXPECT_FALSE(make_source({"original", "https://example.com/", classes, "", ""}));
}

}  // namespace
}  // namespace tapedeck
