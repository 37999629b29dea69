#include "spark/session_config.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

constexpr std::string_view kWhole = R"({"version": 1, "store": "jdbc:postgresql://db:5433/market",
 "user": "anna", "password": "pa$$w0rd",
 "tape": {"identity": "kafka:abc", "place": "kafka://k:9092"},
 "topics": [{"topic": "coin_topic", "table": "coin_records", "form": "coin"},
            {"topic": "tapedeck_outcomes"}],
 "deployment": "d", "loader": "spark app-1", "log": "info",
 "batch": {"bytes": 1000, "rows": 10, "memory": 2000}, "committers": 1, "give_up_after": 7})";

TEST(SessionConfig, IsReadWhole) {
    const auto config = parse_session_config(kWhole);
    ASSERT_TRUE(config) << config.error().what;
    EXPECT_EQ(config->store.hosts, (std::vector<HostPort>{{"db", 5433}}));
    EXPECT_EQ(config->store.user, "anna");
    EXPECT_EQ(config->store.password, Secret("pa$$w0rd"));
    EXPECT_EQ(config->identity, "kafka:abc");
    ASSERT_EQ(config->range.topics.size(), 2U);
    EXPECT_EQ(config->range.topics[0].table, (PriceTable{"coin_records", RecordForm::coin}));
    EXPECT_FALSE(config->range.topics[1].table);
    EXPECT_EQ(config->log, Severity::info);
    EXPECT_EQ(config->range.batch.rows, 10U);
    EXPECT_EQ(config->range.committers, 1);
    EXPECT_EQ(config->range.give_up_after, 7);
}

std::string with(const std::string& from, const std::string& to) {
    std::string text(kWhole);
    const auto at = text.find(from);
    EXPECT_NE(at, text.npos);
    return text.replace(at, from.size(), to);
}

TEST(SessionConfig, NamesWhatIsWrongAndNeverThePassword) {
    const std::vector<std::pair<std::string, std::string>> faults{
        {with("\"version\": 1", "\"version\": 2"), "version: must be a whole number of 1 to 1"},
        {with("\"user\"", "\"usr\""), "the configuration has the unknown key 'usr'"},
        {with("\"user\"", "\"store\""), "has the key store twice"},
        {with("\"version\": 1, ", ""), "lacks the key version"},
        {with("jdbc:postgresql://db:5433/market", "sqlite:x.db"), "PostgreSQL alone"},
        {with("\"form\": \"coin\"", "\"form\": \"gold\""), "'gold', not coin or stock"},
        {with(", \"form\": \"coin\"", ""), "needs a table and a form, or none"},
        {with("coin_records", "Coin-Records"), "name"},
        {with("tapedeck_outcomes", "coin_topic"), "coin_topic stands there twice"},
        {with("\"info\"", "\"loud\""), "not 'loud'"},
        {with("\"rows\": 10", "\"rows\": 0"), "rows: must be a whole number"},
        {with("\"committers\": 1", "\"committers\": 3"), "committers"},
        {std::string(kWhole.substr(0, 100)), "is no JSON"},
        {"[]", "is no object"},
        {"", "is no JSON"},
    };
    for (const auto& [text, words] : faults) {
        const auto config = parse_session_config(text);
        ASSERT_FALSE(config) << text;
        EXPECT_NE(config.error().what.find(words), std::string::npos) << config.error().what;
        EXPECT_EQ(config.error().what.find("pa$$w0rd"), std::string::npos);
    }
}

TEST(TapeFacts, AreReadWithTheirStarts) {
    const auto facts = parse_tape_facts(
        R"({"partitions": [{"topic": "a", "partition": 2, "earliest": 3, "end": 9, "at_time": 5,
                            "ledger": 8, "last": {"offset": 6, "sha256": ")" +
        std::string(64, 'a') + R"("}},
                           {"topic": "a", "partition": 3, "earliest": 0, "end": 0}],
            "from": ["a=2026-11-24T14:15:00Z", "end"]})");
    ASSERT_TRUE(facts) << facts.error().what;
    const TopicPartition at{"a", Partition(2)};
    EXPECT_EQ(facts->partitions.at(at).extent, (Extent{Offset(3), Offset(9)}));
    EXPECT_EQ(facts->partitions.at(at).at_time, Offset(5));
    EXPECT_EQ(facts->starts.of("a")->where, StartChoice::Where::time);
    EXPECT_EQ(facts->starts.of("b")->where, StartChoice::Where::end);
    EXPECT_EQ(facts->partitions.at(at).last->offset, Offset(6));
    EXPECT_EQ(hex(facts->partitions.at(at).last->digest), std::string(64, 'a'));
    EXPECT_FALSE(parse_tape_facts(R"({"partitions": [{"topic": "a", "partition": 1, "earliest": 3,
        "end": 9, "last": {"offset": 6, "sha256": "aa"}}]})"));
    EXPECT_FALSE(parse_tape_facts(R"({"partitions": [{"topic": "a", "partition": -1}]})"));
    EXPECT_FALSE(parse_tape_facts(R"({"partitions": [], "from": ["yesterday"]})"));
    EXPECT_FALSE(parse_partitions(R"({"partitions": [{"topic": "a"}]})"));
}

}  // namespace
}  // namespace tapedeck
