#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "sources/source.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

Source source_with(const std::string& lines) {
    const auto source = parse_source("[source]\nname = \"mine\"\n" + lines +
                                         "\n[[rule]]\nname = \"r\"\nprice = { css = \"b\" }\n",
                                     "mine.toml");
    EXPECT_TRUE(source) << (source ? "" : source.error().what);
    return *source;
}

std::vector<std::string> urls(const Source& source, const std::vector<std::string>& instruments,
                              const RequestValues& values = {}) {
    std::vector<std::string> list;
    for (const auto& planned : plan_requests(source, instruments, values)) {
        list.push_back(planned.request.url);
    }
    return list;
}

TEST(Plan, AsksOneByOneWhereTheUrlTakesOne) {
    const Source source = source_with(
        "url = \"https://example.com/q/{symbol}?p={symbol}\"\nsymbols = { bitcoin = \"BTC-USD\" }");
    EXPECT_EQ(urls(source, {"bitcoin", "^GSPC", "EURUSD=X", "a/b c"}),
              (std::vector<std::string>{"https://example.com/q/BTC-USD?p=BTC-USD",
                                        "https://example.com/q/%5EGSPC?p=%5EGSPC",
                                        "https://example.com/q/EURUSD%3DX?p=EURUSD%3DX",
                                        "https://example.com/q/a%2Fb%20c?p=a%2Fb%20c"}));
}

TEST(Plan, AsksForManyAtOnceInTheirOrder) {
    const Source source = source_with(
        "url = \"https://example.com/?ids={symbols}\"\nmax_instruments = 2\n"
        "symbols = { bnb = \"binancecoin\" }");
    EXPECT_EQ(urls(source, {"bitcoin", "bnb", "solana"}),
              (std::vector<std::string>{"https://example.com/?ids=bitcoin,binancecoin",
                                        "https://example.com/?ids=solana"}));
    const auto plan =
        plan_requests(source, std::vector<std::string>{"bitcoin", "bnb", "solana"}, {});
    EXPECT_EQ(plan[0].instruments, (std::vector<std::string>{"bitcoin", "bnb"}));
    EXPECT_EQ(plan[1].instruments, (std::vector<std::string>{"solana"}));
    EXPECT_TRUE(plan_requests(source, {}, {}).empty());
}

TEST(Plan, HidesSecretsInWhatIsShown) {
    const Source source = source_with(
        "url = \"https://example.com/{instrument}?crumb={crumb}&key={key}\"\n"
        "secret = \"k\"\nheaders = { X-Key = \"{key}\", X-Unknown = \"{other}\" }");
    RequestValues values{"a/b.c", Secret("s3cret")};
    const auto plan = plan_requests(source, std::vector<std::string>{"AAPL"}, values);
    EXPECT_EQ(plan[0].request.url, "https://example.com/AAPL?crumb=a%2Fb.c&key=s3cret");
    EXPECT_EQ(plan[0].shown_url, "https://example.com/AAPL?crumb=***&key=***");
    EXPECT_EQ(plan[0].request.headers[0].value.reveal(), "s3cret");
    EXPECT_EQ(plan[0].request.headers[1].value.reveal(), "{other}");
}

TEST(Plan, EncodesAKeyInTheUrlAndLeavesItAsItIsInAHeader) {
    const Source source = source_with(
        "url = \"https://example.com/{instrument}?key={key}&x=1\"\nsecret = \"k\"\n"
        "headers = { X-Key = \"{key}\" }");
    const auto plan =
        plan_requests(source, std::vector<std::string>{"AAPL"}, {"", Secret("a+b/c=&d#e f%")});
    EXPECT_EQ(plan[0].request.url, "https://example.com/AAPL?key=a%2Bb%2Fc%3D%26d%23e%20f%25&x=1");
    EXPECT_EQ(plan[0].request.headers[0].value.reveal(), "a+b/c=&d#e f%");
    EXPECT_EQ(plan[0].shown_url, "https://example.com/AAPL?key=***&x=1");
}

TEST(Plan, ShippedSourcesAskForTheFeedsOfTheDesign) {
    const auto sources = load_sources("");
    ASSERT_TRUE(sources) << sources.error().what;
    const std::vector<std::string> coins{"bitcoin",  "ethereum", "bnb",
                                         "dogecoin", "solana",   "avalanche"};
    const auto gecko = urls(*sources->at("coingecko"), coins);
    ASSERT_EQ(gecko.size(), 1u);
    EXPECT_NE(gecko[0].find("ids=bitcoin,ethereum,binancecoin,dogecoin,solana,avalanche-2&"),
              std::string::npos);
    EXPECT_EQ(urls(*sources->at("coinmarketcap"), coins)[2],
              "https://coinmarketcap.com/currencies/bnb/");
    for (const char* name : {"coinbase", "kraken", "binance"}) {
        for (const auto& coin : coins) {
            EXPECT_TRUE(sources->at(name)->symbols.contains(coin)) << name << " " << coin;
        }
    }
    EXPECT_TRUE(sources->at("yahoo-quote")->session);
    EXPECT_TRUE(sources->at("yahoo-summary")->session);
    EXPECT_FALSE(sources->at("yahoo-chart")->session);
    EXPECT_TRUE(sources->at("yahoo-chart")->serves_history);
}

TEST(Load, AUsersFolderOverridesAndAdds) {
    const TempFolder temporary;
    const std::filesystem::path& folder = temporary.path();
    const std::string path = folder.string();
    const auto write = [&](const char* file, const std::string& name) {
        std::ofstream(folder / file) << "[source]\nname = \"" << name
                                     << "\"\nurl = \"https://example.com/{instrument}\"\n"
                                        "[[rule]]\nname = \"r\"\nprice = { css = \"b\" }\n";
    };
    write("a.toml", "yahoo");
    write("b.toml", "my-own");
    auto sources = load_sources(path);
    ASSERT_TRUE(sources) << sources.error().what;
    EXPECT_EQ(sources->at("yahoo")->url, "https://example.com/{instrument}");
    EXPECT_EQ(sources->at("my-own")->file, (folder / "b.toml").string());
    EXPECT_EQ(sources->count("coinmarketcap"), 1u);
    write("c.toml", "my-own");
    EXPECT_FALSE(load_sources(path));  // two files, one name
    std::ofstream(folder / "c.toml") << "[source\n";
    EXPECT_NE(load_sources(path).error().what.find("c.toml:1"), std::string::npos);
    // Told of, the others are there; and no other source goes by the names of the broken ones.
    std::ofstream(folder / "yahoo-chart.toml") << "no = \"source\"\n";
    std::vector<BrokenSource> broken;
    sources = load_sources(path, broken);
    ASSERT_TRUE(sources) << sources.error().what;
    EXPECT_EQ(sources->count("my-own"), 1u);
    EXPECT_EQ(sources->count("yahoo-chart"), 0u);
    ASSERT_EQ(broken.size(), 2u);
    EXPECT_EQ(broken[0].name, "c");
    EXPECT_NE(broken[0].what.find("c.toml:1"), std::string::npos);
    EXPECT_EQ(broken[1].name, "yahoo-chart");
    std::filesystem::remove_all(folder);
    EXPECT_FALSE(load_sources(path));  // the folder is gone
}

TEST(Plan, NotesWhatIsForTheHostAskedAlone) {
    const Source source = source_with(
        "url = \"https://user:pass%20word@example.com/{instrument}?key={key}&api_key=literal\"\n"
        "secret = \"k\"\nproxy = \"http://p:proxy-pw@localhost:3128\"\n"
        "headers = { Accept = \"text/html\", Authorization = \"Basic dXNlcjpiYXNpYy1wdw==\" }");
    RequestValues values;
    values.key = Secret("the-key");
    values.crumb = "the-crumb";
    const auto plan = plan_requests(source, std::vector<std::string>{"bitcoin"}, values);
    ASSERT_EQ(plan.size(), 1U);
    EXPECT_EQ(plan[0].shown_url, "https://***@example.com/bitcoin?key=***&api_key=***");
    std::vector<std::string> texts;
    for (const Secret& one : plan[0].request.confidential) texts.push_back(one.reveal());
    for (const char* text : {"the-key", "the-crumb", "pass word", "literal", "proxy-pw",
                             "Basic dXNlcjpiYXNpYy1wdw==", "dXNlcjpiYXNpYy1wdw==", "basic-pw"}) {
        EXPECT_NE(std::ranges::find(texts, text), texts.end()) << text;
    }
    EXPECT_EQ(std::ranges::find(texts, "text/html"), texts.end());
}

}  // namespace
}  // namespace tapedeck
