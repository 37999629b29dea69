#include "app/settings_layers.h"

#include <gtest/gtest.h>

#include "app/settings_text.h"

namespace tapedeck {
namespace {

const ConfigChecks kChecks{[](const std::string&) -> Result<std::vector<std::string>> {
                               return std::vector<std::string>{"coinmarketcap", "coingecko",
                                                               "coinbase", "yahoo", "yahoo-chart"};
                           },
                           nullptr};

ReadConfig read(std::string_view text, const std::vector<std::string>& sets = {}) {
    std::vector<ConfigLayer> layers = built_in_layers();
    auto document = parse_toml(text, "tapedeck.toml");
    EXPECT_TRUE(document) << (document ? "" : document.error().what);
    if (document) layers.push_back({"tapedeck.toml", *std::move(document)});
    for (const std::string& set : sets) {
        auto layer = layer_of_set(set);
        EXPECT_TRUE(layer) << (layer ? "" : layer.error().what);
        if (layer) layers.push_back(*std::move(layer));
    }
    return read_layers(layers, kChecks);
}

std::vector<std::string> faults_of(const ReadConfig& config) {
    std::vector<std::string> out;
    for (const ConfigFault& fault : config.faults) out.push_back(to_string(fault));
    return out;
}

using Lines = std::vector<std::string>;

TEST(Layers, HoldTheTwoFeedsAndTheirDagsWithoutAFile) {
    const ReadConfig config = read("");
    EXPECT_EQ(faults_of(config), Lines{});
    const FeedSettings& coin = config.settings.feeds.at("coin");
    EXPECT_EQ(coin.name, "coin");
    EXPECT_EQ(coin.instruments,
              (Lines{"bitcoin", "ethereum", "bnb", "dogecoin", "solana", "avalanche"}));
    EXPECT_EQ(coin.form, RecordForm::coin);
    EXPECT_EQ(coin.topic, "coin_topic");
    EXPECT_EQ(config.settings.feeds.at("stock").form, RecordForm::stock);
    EXPECT_EQ(config.settings.dags.at("coin_market_record").schedule, "*/5 * * * *");
    EXPECT_EQ(config.settings.dags.at("coin_market_record").tasks.size(), 2U);
}

std::vector<std::string> names_of(const auto& tables) {
    std::vector<std::string> names;
    for (const auto& [name, its] : tables) names.push_back(name);
    return names;
}

constexpr std::string_view kOwnFeed =
    "[feed.fx]\ninstruments = [\"EUR\"]\nsources = [\"coinbase\"]\n";

TEST(BuiltInFeeds, AreLeftOutWhereThereAreFeedsOfOnesOwn) {
    const ReadConfig config = read(kOwnFeed);
    EXPECT_EQ(faults_of(config), Lines{});
    EXPECT_EQ(names_of(config.settings.feeds), Lines{"fx"});
    EXPECT_EQ(names_of(config.settings.dags), Lines{});
    ASSERT_GE(config.notes.size(), 2U);
    EXPECT_EQ(
        config.notes[0],
        "feed coin is built in and left out, as there are feeds of your own: [feed.coin] keeps "
        "it");
    EXPECT_EQ(names_of(read("", {"feed.fx.sources=[coinbase]"}).settings.feeds), Lines{"fx"});
}

TEST(BuiltInFeeds, StayWhereTheyAreChangedAndThereIsNoOtherFeed) {
    const ReadConfig config = read("[feed.coin]\ninstruments = [\"bitcoin\"]\n");
    EXPECT_EQ(names_of(config.settings.feeds), (Lines{"coin", "stock"}));
    EXPECT_EQ(names_of(config.settings.dags), (Lines{"coin_market_record", "stock_market_record"}));
}

TEST(BuiltInFeeds, StayBesideFeedsOfOnesOwnWhereTheyAreNamed) {
    const ReadConfig named = read(std::string(kOwnFeed) + "[feed.coin]\n");
    EXPECT_EQ(names_of(named.settings.feeds), (Lines{"coin", "fx"}));
    EXPECT_EQ(names_of(named.settings.dags), Lines{"coin_market_record"});
    const ReadConfig by_dag =
        read(std::string(kOwnFeed) + "[dag.stock_market_record]\nschedule = \"@hourly\"\n");
    EXPECT_EQ(names_of(by_dag.settings.feeds), (Lines{"fx", "stock"}));
    EXPECT_EQ(names_of(by_dag.settings.dags), Lines{"stock_market_record"});
}

TEST(BuiltInFeeds, AreLeftOutWhereTheirDagCollectsAnotherFeed) {
    const ReadConfig config =
        read(std::string(kOwnFeed) +
             "[dag.coin_market_record.task.invoke_coin_lambda]\nfeed = \"fx\"\n");
    EXPECT_EQ(faults_of(config), Lines{});
    EXPECT_EQ(names_of(config.settings.feeds), Lines{"fx"});
    EXPECT_EQ(names_of(config.settings.dags), Lines{"coin_market_record"});
}

TEST(Feeds, WithoutInstrumentsAreNoted) {
    const ReadConfig config = read("[feed.stock]\ninstruments = []\n");
    EXPECT_EQ(faults_of(config), Lines{});
    EXPECT_EQ(config.notes, Lines{"feed stock has no instruments: nobody is asked for it"});
}

TEST(Layers, ChangeTheKeysThatTheyHaveAndNoOthers) {
    const ReadConfig config = read("[feed.coin]\ninstruments = [\"bitcoin\"]\n");
    EXPECT_EQ(faults_of(config), Lines{});
    const FeedSettings& coin = config.settings.feeds.at("coin");
    EXPECT_EQ(coin.instruments, Lines{"bitcoin"});
    EXPECT_EQ(coin.topic, "coin_topic");
    EXPECT_EQ(coin.sources.size(), 3U);
    EXPECT_EQ(to_string(config.origins.at("feed.coin.instruments")), "tapedeck.toml:2");
    EXPECT_EQ(to_string(config.origins.at("feed.coin.topic")), "built in");
    EXPECT_EQ(to_string(config.origins.at("dag.coin_market_record.schedule")),
              "dags/coin_market_record.toml:3");
}

TEST(Layers, TellEveryFaultOfAFileInTheOrderOfItsLines) {
    const ReadConfig config = read(
        "[feed.coin]\n"
        "instrumets = [\"bitcoin\"]\n"
        "max_attempts = \"three\"\n"
        "sources = [\"coingeko\"]\n"
        "[stor]\n"
        "[tape]\n"
        "partitions = 0\n");
    EXPECT_EQ(
        faults_of(config),
        (Lines{
            "tapedeck.toml:2: [feed.coin] instrumets is not a known key; did you mean instruments?",
            "tapedeck.toml:3: [feed.coin] max_attempts must be a whole number, not \"three\"",
            "tapedeck.toml:4: [feed.coin] sources has \"coingeko\", which is no known source; did "
            "you mean coingecko?",
            "tapedeck.toml:5: stor is not a known table; did you mean store?",
            "tapedeck.toml:7: [tape] partitions must be from 1 to 1024, not 0"}));
}

TEST(Layers, NameTheSecondOfTwoEqualInstruments) {
    const ReadConfig config =
        read("[feed.coin]\ninstruments = [\n  \"bitcoin\",\n  \"solana\",\n  \"bitcoin\",\n]\n");
    EXPECT_EQ(faults_of(config),
              Lines{"tapedeck.toml:5: [feed.coin] instruments has \"bitcoin\" twice, first in line "
                    "3"});
}

TEST(Layers, GiveAFeedOfTheUsersOwnItsTopicTableAndForm) {
    const ReadConfig config =
        read("[feed.My-Funds]\ninstruments = [\"VOO\"]\nsources = [\"yahoo\"]\n");
    EXPECT_EQ(faults_of(config), Lines{});
    const FeedSettings& feed = config.settings.feeds.at("My-Funds");
    EXPECT_EQ(feed.topic, "my_funds_topic");
    EXPECT_EQ(feed.table, "my_funds_records");
    EXPECT_EQ(feed.form, RecordForm::stock);
    EXPECT_EQ(config.notes.size(), 3U);
}

TEST(Layers, AskForWhatMustBeGiven) {
    EXPECT_EQ(faults_of(read("[feed.funds]\ninstruments = [\"VOO\"]\n")),
              Lines{"tapedeck.toml:1: [feed.funds] sources is missing"});
    EXPECT_EQ(faults_of(read("[dag.mine]\nzone = \"UTC\"\n")),
              (Lines{"tapedeck.toml:1: [dag.mine] schedule is missing",
                     "tapedeck.toml:1: [dag.mine] has no task: add [dag.mine.task.NAME]"}));
}

TEST(Layers, RefuseTasksThatWaitForOneAnother) {
    const ReadConfig config = read(
        "[dag.mine]\nschedule = \"@daily\"\n"
        "[dag.mine.task.a]\nkind = \"noop\"\nafter = [\"b\"]\n"
        "[dag.mine.task.b]\nkind = \"noop\"\nafter = [\"a\"]\n"
        "[dag.mine.task.c]\nkind = \"noop\"\n");
    EXPECT_EQ(faults_of(config),
              Lines{"tapedeck.toml:5: [dag.mine.task.a] after never ends: a, b wait for one "
                    "another"});
}

// The order that people see is theirs, also where a name comes before another in the alphabet.
TEST(Layers, KeepADagsTasksInTheOrderOfTheFile) {
    const ReadConfig config = read(
        "[dag.mine]\nschedule = \"@daily\"\n"
        "[dag.mine.task.make]\nkind = \"noop\"\n"
        "[dag.mine.task.load]\nkind = \"noop\"\nafter = [\"make\"]\n"
        "[dag.mine.task.again]\nkind = \"noop\"\n",
        {"dag.mine.task.about.kind=noop", "dag.mine.task.load.retries=2"});
    EXPECT_EQ(faults_of(config), Lines{});
    const auto names = [](const Settings& settings) {
        Lines found;
        for (const TaskSpec& task : settings.dags.at("mine").tasks) found.push_back(task.name);
        return found;
    };
    EXPECT_EQ(names(config.settings), (Lines{"make", "load", "again", "about"}));
    EXPECT_EQ(config.settings.dags.at("mine").tasks[1].retries, 2);
    EXPECT_EQ(names(*parse_effective(effective_toml(config.settings))), names(config.settings));
}

TEST(Set, TakesTomlAndBareWords) {
    const ReadConfig config =
        read("", {"store.url=sqlite:a b.db", "feed.coin.instruments=[\"x\"]",
                  "feed.stock.instruments=[AAPL, \"BRK-B\"]", "feed.coin.max_attempts = 7",
                  "captures.enabled=false", "feed.coin.topic=2026", "feed.coin.max_age=90s"});
    EXPECT_EQ(faults_of(config), Lines{});
    EXPECT_EQ(to_string(config.settings.store.url), "sqlite:a b.db");
    EXPECT_EQ(config.settings.feeds.at("coin").instruments, Lines{"x"});
    EXPECT_EQ(config.settings.feeds.at("stock").instruments, (Lines{"AAPL", "BRK-B"}));
    EXPECT_EQ(config.settings.feeds.at("coin").max_attempts, 7);
    EXPECT_EQ(config.settings.feeds.at("coin").topic, "2026");
    EXPECT_EQ(config.settings.feeds.at("coin").max_age, std::chrono::seconds(90));
    EXPECT_FALSE(config.settings.captures.enabled);
    EXPECT_EQ(to_string(config.origins.at("captures.enabled")), "--set captures.enabled");
}

TEST(Set, NamesItsKeyInAFault) {
    EXPECT_EQ(faults_of(read("", {"feed.coin.topik=x"})),
              Lines{"--set feed.coin.topik: [feed.coin] topik is not a known key; did you mean "
                    "topic?"});
    EXPECT_FALSE(layer_of_set("store.url"));
    EXPECT_FALSE(layer_of_set("=x"));
    EXPECT_FALSE(layer_of_set("a..b=x"));
}

TEST(EffectiveToml, IsOneTextForEqualSettings) {
    const ReadConfig one = read("[tape]\npartitions = 5\n[store]\nurl = \"sqlite:x.db\"\n");
    const ReadConfig other = read("store.url = \"sqlite:x.db\"\ntape = {partitions = 5}\n");
    EXPECT_EQ(effective_toml(one.settings), effective_toml(other.settings));
}

TEST(EffectiveToml, ReadsBackAsTheSameSettings) {
    const ReadConfig config = read(
        "[feed.coin]\nstale_after = \"90s\"\n[source.old]\nbase_url = \"https://example.com/\"\n"
        "price_html_class = \"D(ib) Fz(18px)\"\n[secret.db]\nenv = \"PW\"\n[log]\nlevel = "
        "\"warn\"\n");
    ASSERT_EQ(faults_of(config), Lines{});
    const auto back = parse_effective(effective_toml(config.settings));
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_EQ(*back, config.settings);
}

TEST(EffectiveToml, HoldsNoSecret) {
    const ReadConfig config = read(
        "[store]\nurl = \"postgresql://u:hunter2@h/d\"\n[tape]\nurl = \"sqlite:t\"\n[net]\nproxy = "
        "\"http://u:hunter2@p:1\"\n");
    ASSERT_EQ(faults_of(config), Lines{});
    const std::string text = effective_toml(config.settings, config.origins);
    EXPECT_EQ(text.find("hunter2"), std::string::npos);
    EXPECT_NE(text.find("postgresql://u:***@h/d"), std::string::npos);
    EXPECT_NE(text.find("# tapedeck.toml:2"), std::string::npos);
}

TEST(Settings, AreReadFromTheOriginalsSpellingToo) {
    const ReadConfig config = read(
        "[source.old]\nbase_url = \"https://example.com/\"\nprice_html_class = \"p\"\n"
        "previouse_close_html_class = \"q r\"\n");
    EXPECT_EQ(faults_of(config), Lines{});
    EXPECT_EQ(config.settings.class_list_sources.at("old").previous_close_html_class, "q r");
}

TEST(Settings, PutCapturesBesideTheStore) {
    Settings settings;
    settings.store.url = StoreUrl{SqliteUrl{"/var/lib/x/prices.db"}};
    EXPECT_EQ(captures_path(settings), "/var/lib/x/prices.captures.db");
    settings.captures.path = "/big/disk";
    EXPECT_EQ(captures_path(settings), "/big/disk");
    settings.tape.spool.file = "/var/spool/x/spool.db";
    EXPECT_EQ(journal_path(settings), "/var/lib/x/prices.journal.db");
}

// Of a store in a server nothing lies beside it: what waits on this machine lies together.
TEST(Settings, PutTheJournalOfAServersStoreBesideTheSpool) {
    Settings settings;
    settings.store.url = StoreUrl{PostgresUrl{}};
    EXPECT_EQ(journal_path(settings), "tapedeck.journal.db");
    settings.tape.spool.file = "/var/spool/x/spool.db";
    EXPECT_EQ(journal_path(settings), "/var/spool/x/tapedeck.journal.db");
    settings.tape.spool.file = "spool.db";
    EXPECT_EQ(journal_path(settings), "tapedeck.journal.db");
}

}  // namespace
}  // namespace tapedeck
