#include "demo/page_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "demo/demo_testing.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class PageFolderTest : public ::testing::Test {
protected:
    void put(const std::string& file, std::string_view text) {
        const fs::path path = fs::path(folder_) / file;
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }
    static std::optional<SiteAnswer> ask(const PageFolder& pages, std::string_view target) {
        return pages.answer(understand(site_request(target, "127.0.0.1:1")));
    }

    const TempFolder temporary_;
    const std::string folder_ = temporary_.path().string();
};

TEST_F(PageFolderTest, ServesTheNewestRecordingOfAListedFolder) {
    put("a/2023-03-14-x.html", "old");
    put("a/2025-04-05-x.html", "new");
    put("a/2024-01-01-x.html", "middle");
    put("expected.json", R"([
      {"file":"a/2025-04-05-x.html","kind":"cmc-currency-page","symbol":"BTC","slug":"bitcoin","price":"3"},
      {"file":"a/2024-01-01-x.html","kind":"cmc-currency-page","symbol":"BTC","slug":"bitcoin","price":"2"},
      {"file":"a/2023-03-14-x.html","kind":"cmc-currency-page","symbol":"BTC","slug":"bitcoin","price":"1","as_of":"2023-03-14T08:02:00Z"}])");
    const auto pages = PageFolder::open(folder_);
    ASSERT_TRUE(pages) << pages.error().what;
    EXPECT_THAT(pages->served(),
                ::testing::ElementsAre(ServedInstrument{"coin", "bitcoin", "coinmarketcap",
                                                        "a/2025-04-05-x.html", "3"}));
    EXPECT_EQ(ask(*pages, "/coinmarketcap.com/currencies/bitcoin/")->body, "new");
    EXPECT_FALSE(ask(*pages, "/coinmarketcap.com/currencies/ethereum/"));
    EXPECT_FALSE(ask(*pages, "/finance.yahoo.com/quote/BTC"));
}

TEST_F(PageFolderTest, KeepsTheStatusAndServesErrorsWithoutListingThem) {
    put("chart.json", "{}");
    put("page.html", "p");
    put("expected.json", R"([
      {"file":"chart.json","kind":"yahoo-chart-json","symbol":"GONE","price":null,"error":"gone","http_status":404},
      {"file":"page.html","kind":"yahoo-quote-page","symbol":"AAPL","price":"1.50","error":null}])");
    const auto pages = PageFolder::open(folder_);
    ASSERT_TRUE(pages);
    ASSERT_EQ(pages->served().size(), 1U);
    EXPECT_EQ(pages->served()[0].feed, "stock");
    const auto gone = ask(*pages, "/query1.finance.yahoo.com/v8/finance/chart/GONE");
    ASSERT_TRUE(gone);
    EXPECT_EQ(gone->status, 404);
    EXPECT_THAT(gone->content_type, HasSubstr("application/json"));
}

TEST_F(PageFolderTest, OfSeveralNamesServesTheFileThatHasMostOfThem) {
    put("2024-one.json", "one");
    put("2023-two.json", "two");
    put("expected.json", R"([
      {"file":"2024-one.json","kind":"yahoo-quote-json","symbol":"AAPL","price":"1"},
      {"file":"2023-two.json","kind":"yahoo-quote-json","symbol":"AAPL","price":"2"},
      {"file":"2023-two.json","kind":"yahoo-quote-json","symbol":"BABA","price":"3"}])");
    const auto pages = PageFolder::open(folder_);
    ASSERT_TRUE(pages);
    const std::string url = "/query1.finance.yahoo.com/v7/finance/quote?symbols=";
    EXPECT_EQ(ask(*pages, url + "AAPL")->body, "one");
    EXPECT_EQ(ask(*pages, url + "AAPL,BABA")->body, "two");
    EXPECT_EQ(ask(*pages, url + "BABA,NONE")->body, "two");
}

TEST_F(PageFolderTest, TakesAPlainFolderByTheNamesOfItsFiles) {
    put("bitcoin.html", "coin");
    put("AAPL.html", "stock");
    put("AAPL.json", "chart");
    put("kraken/XXBTZUSD.json", "kraken");
    put("elsewhere/TSLA.json", "no source has this name");
    put("notes.txt", "nothing");
    const auto pages = PageFolder::open(folder_);
    ASSERT_TRUE(pages) << pages.error().what;
    EXPECT_EQ(pages->served().size(), 4U);
    EXPECT_EQ(ask(*pages, "/coinmarketcap.com/currencies/bitcoin/")->body, "coin");
    EXPECT_EQ(ask(*pages, "/finance.yahoo.com/quote/AAPL/")->body, "stock");
    EXPECT_EQ(ask(*pages, "/query1.finance.yahoo.com/v8/finance/chart/AAPL")->body, "chart");
    EXPECT_EQ(ask(*pages, "/api.kraken.com/0/public/Ticker?pair=XXBTZUSD")->body, "kraken");
}

TEST_F(PageFolderTest, RefusesWhatItCannotServe) {
    const auto missing = PageFolder::open(folder_ + "/none");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, ErrorKind::rejected);
    EXPECT_FALSE(PageFolder::open(folder_));
    put("expected.json", "[{]");
    EXPECT_EQ(PageFolder::open(folder_).error().kind, ErrorKind::malformed);
    put("expected.json",
        R"([{"file":"../../etc/passwd","kind":"yahoo-quote-page","symbol":"X","price":"1"}])");
    const auto outside = PageFolder::open(folder_);
    ASSERT_FALSE(outside);
    EXPECT_THAT(outside.error().what, HasSubstr("not a file of the folder"));
}

TEST_F(PageFolderTest, ServesEveryInstrumentOfTheSharedRecordings) {
    const char* set = std::getenv("TAPEDECK_SHARED_DATA");
    const std::string data = set ? set : TAPEDECK_ROOT "/../shared/data";
    if (!fs::exists(data + "/expected.json")) {
        GTEST_SKIP() << "SKIPPED: no recordings in " << data << "; set TAPEDECK_SHARED_DATA";
    }
    const auto pages = PageFolder::open(data);
    ASSERT_TRUE(pages) << pages.error().what;
    EXPECT_GT(pages->served().size(), 100U);
    std::map<std::string, int> of_source;
    for (const ServedInstrument& served : pages->served()) {
        ++of_source[served.source];
        EXPECT_FALSE(served.price.empty());
        EXPECT_TRUE(fs::exists(data + "/" + served.file)) << served.file;
    }
    for (const std::string_view source :
         {"coinmarketcap", "coinmarketcap-list", "coinmarketcap-api", "coingecko", "coinbase",
          "kraken", "binance", "bitstamp", "yahoo", "yahoo-chart", "yahoo-quote", "yahoo-summary",
          "yahoo-spark"}) {
        EXPECT_GT(of_source[std::string(source)], 0) << source;
    }
    const auto newest = ask(*pages, "/coinmarketcap.com/currencies/bitcoin/");
    ASSERT_TRUE(newest);
    std::ifstream file(data + "/coinmarketcap/currency-page/2025-04-05-bitcoin-0753.html",
                       std::ios::binary);
    EXPECT_EQ(newest->body, std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace
}  // namespace tapedeck
