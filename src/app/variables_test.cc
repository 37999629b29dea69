#include "app/variables.h"
#include "tests/conformance/temp_folder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tapedeck {
namespace {

// The original's file, in its own shape, with addresses of our own.
constexpr std::string_view kOriginal = R"json({
  "coin_scraping": {
    "coin_list": ["bitcoin", "ethereum", "bnb", "dogecoin", "solana", "avalanche"],
    "base_url": "https://coinmarketcap.com/currencies/",
    "price_html_class": "priceValue"
  },
  "stock_scraping": {
    "stock_list": ["AAPL", "TSLA", "AMZN", "GOOG", "META", "NFLX"],
    "base_url": "https://finance.yahoo.com/quote/",
    "stock_name_html_class": "D(ib) Fz(18px)",
    "previouse_close_html_class": "Ta(end) Fw(600) Lh(14px)",
    "price_html_class": "Fw(b) Fz(36px) Mb(-4px) D(ib)"
  },
  "kafka": {"COIN_TOPIC": "coin_topic", "STOCK_TOPIC": "stock_topic", "IP_ADDRESS": "192.0.2.7"},
  "rds": {
    "RDS_USER": "postgres", "RDS_PW": "hunter2", "RDS_TABLE_COIN": "coin_records",
    "RDS_TABLE_STOCK": "stock_records",
    "RDS_URL": "jdbc:postgresql://db.example.com/market_records_db"
  },
  "spark": {"MASTER_INTERNAL_DNS": "master.internal"}
})json";

class Variables : public ::testing::Test {
protected:
    void SetUp() override { options_.folder = folder_.path().string(); }

    Result<VariablesImport> import(std::string_view json) {
        const std::string path = options_.folder + "/variables.json";
        std::ofstream(path) << json;
        return import_variables(options_, path);
    }
    std::string config_text() const { return *read_text_file(options_.folder + "/tapedeck.toml"); }

    const TempFolder folder_;
    ConfigOptions options_;
};

std::string fault_of(std::string_view json) {
    const auto read = read_variables(json, "v.json");
    return read ? "" : read.error().what;
}

TEST_F(Variables, GiveTheTwoFeedsAsTheyWere) {
    const auto done = import(kOriginal);
    ASSERT_TRUE(done) << done.error().what;
    const auto loaded = load_config(options_);
    ASSERT_TRUE(loaded) << loaded.error().what;
    const FeedSettings& coin = loaded->settings.feeds.at("coin");
    EXPECT_EQ(coin.instruments.size(), 6U);
    EXPECT_EQ(coin.sources.front(), "coin_scraping");
    EXPECT_EQ(coin.topic, "coin_topic");
    EXPECT_EQ(coin.table, "coin_records");
    EXPECT_EQ(coin.form, RecordForm::coin);
    const ClassListSettings& stock = loaded->settings.class_list_sources.at("stock_scraping");
    EXPECT_EQ(stock.base_url, "https://finance.yahoo.com/quote/");
    EXPECT_EQ(stock.price_html_class, "Fw(b) Fz(36px) Mb(-4px) D(ib)");
    EXPECT_EQ(stock.stock_name_html_class, "D(ib) Fz(18px)");
    EXPECT_EQ(stock.previous_close_html_class, "Ta(end) Fw(600) Lh(14px)");
}

TEST_F(Variables, PutServersIntoCommentsAndPasswordsNowhere) {
    ASSERT_TRUE(import(kOriginal));
    const std::string text = config_text();
    EXPECT_EQ(text.find("hunter2"), std::string::npos);
    EXPECT_NE(text.find("# url = \"postgresql://postgres@db.example.com/market_records_db\"\n"
                        "# secret = \"rds\"\n# [secret.rds]\n# env = \"RDS_PW\"\n"
                        "# [tape]\n# url = \"kafka://192.0.2.7:9092\"\n"),
              std::string::npos)
        << text;
    EXPECT_TRUE(
        std::holds_alternative<SqliteUrl>(load_config(options_)->settings.store.url.target));
}

TEST_F(Variables, SuggestWhatCanBeTakenAsItStands) {
    const auto done = import(kOriginal);
    ASSERT_TRUE(done);
    const auto loaded = load_config_text(options_, done->variables.suggestion, "suggestion");
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->settings.store.secret, "rds");
}

TEST_F(Variables, ChangeAFileThatIsThereAndOnlyOnce) {
    std::ofstream(options_.folder + "/tapedeck.toml")
        << "# mine\n[feed.coin]\ninstruments = [\"bitcoin\"]  # just one\nmax_attempts = 2\n";
    ASSERT_TRUE(import(kOriginal));
    const std::string once = config_text();
    EXPECT_TRUE(
        once.starts_with("# mine\n[feed.coin]\ninstruments = [\"bitcoin\", \"ethereum\", "
                         "\"bnb\", \"dogecoin\", \"solana\", \"avalanche\"]  # just one\n"
                         "max_attempts = 2\n"))
        << once;
    ASSERT_TRUE(import(kOriginal));
    EXPECT_EQ(config_text(), once);
}

TEST_F(Variables, AreTheSameFromEachFormThatAirflowExports) {
    const auto plain = read_variables(
        R"({"coin_scraping": {"coin_list": ["x"], "base_url": "https://a/", "price_html_class": "p"}})",
        "v.json");
    ASSERT_TRUE(plain) << plain.error().what;
    for (
        const std::string_view json :
        {R"({"coin_scraping": "{\"coin_list\": [\"x\"], \"base_url\": \"https://a/\", \"price_html_class\": \"p\"}"})",
         R"({"coin_scraping": {"value": {"coin_list": ["x"], "base_url": "https://a/", "price_html_class": "p"}, "description": "d"}})",
         R"({"coin_scraping": {"value": "{\"coin_list\": [\"x\"], \"base_url\": \"https://a/\", \"price_html_class\": \"p\"}", "description": ""}})"}) {
        const auto other = read_variables(json, "v.json");
        ASSERT_TRUE(other) << other.error().what;
        ASSERT_EQ(other->changes.size(), plain->changes.size());
        for (std::size_t i = 0; i < plain->changes.size(); ++i) {
            EXPECT_EQ(other->changes[i].value, plain->changes[i].value);
        }
    }
}

TEST_F(Variables, NoteWhatThePublishedFileLacks) {
    const auto read = read_variables(kOriginal, "v.json");
    ASSERT_TRUE(read);
    const auto noted = [&](std::string_view what) {
        return std::any_of(read->notes.begin(), read->notes.end(),
                           [&](const std::string& note) { return note.find(what) == 0; });
    };
    EXPECT_TRUE(noted("kafka: HOST and PORT"));
    EXPECT_TRUE(noted("rds: RDS_PW is written nowhere"));
    EXPECT_TRUE(noted("spark: MASTER_INTERNAL_DNS"));
}

TEST_F(Variables, NameVariableAndKeyInEveryFault) {
    EXPECT_EQ(fault_of(R"({"coin_scraping": {"coin_list": "bitcoin", "base_url": "coin.com"}})"),
              "v.json: coin_scraping: coin_list must be a list of strings, not \"bitcoin\"\n"
              "v.json: coin_scraping: base_url must be an address that begins with https:// or "
              "http://, not \"coin.com\"\n"
              "v.json: coin_scraping: price_html_class is missing");
    EXPECT_EQ(fault_of(R"({"coin_scraping": 5})"),
              "v.json: coin_scraping: must be an object, or a string that holds one\n"
              "v.json: has neither coin_scraping nor stock_scraping");
    EXPECT_EQ(fault_of(R"({"coin_scraping": {"coin_list": ["a", 5, "a"], "base_url": "https://a/",
                           "price_html_class": "p"}})"),
              "v.json: coin_scraping: coin_list must be a list of strings, and holds 5\n"
              "v.json: coin_scraping: coin_list must be an instrument such as bitcoin or AAPL, "
              "not \"\"\n"
              "v.json: coin_scraping: coin_list has \"a\" twice");
    EXPECT_TRUE(fault_of("[1]").starts_with("v.json: must be one JSON object"));
    EXPECT_TRUE(fault_of("{").starts_with("v.json: is no JSON"));
    EXPECT_EQ(fault_of("{}"), "v.json: has neither coin_scraping nor stock_scraping");
}

TEST_F(Variables, TellNoPasswordInAnyText) {
    const auto read = read_variables(
        R"({"coin_scraping": {"coin_list": [], "base_url": "https://a/", "price_html_class": "p"},
            "rds": {"RDS_PW": "hunter2", "RDS_URL": "jdbc:postgresql://u:hunter2@h/d?password=hunter2"}})",
        "v.json");
    ASSERT_TRUE(read) << read.error().what;
    EXPECT_EQ(read->suggestion.find("hunter2"), std::string::npos) << read->suggestion;
    for (const std::string& note : read->notes) EXPECT_EQ(note.find("hunter2"), std::string::npos);
}

TEST_F(Variables, LeaveNothingBehindWhenTheResultWouldBeWrong) {
    const auto done = import(
        R"({"coin_scraping": {"coin_list": ["x"], "base_url": "https://a/", "price_html_class": "p"},
            "kafka": {"COIN_TOPIC": "stock_topic"}})");
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().what.find("is that of feed"), std::string::npos) << done.error().what;
    EXPECT_FALSE(std::filesystem::exists(options_.folder + "/tapedeck.toml"));
}

}  // namespace
}  // namespace tapedeck
