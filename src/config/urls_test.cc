#include "config/urls.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

PostgresUrl postgres(std::string_view text) {
    const auto url = parse_store_url(text);
    EXPECT_TRUE(url) << (url ? "" : url.error().what);
    if (!url) return {};
    return std::get<PostgresUrl>(url->target);
}

std::string fault_of(std::string_view text) {
    const auto url = parse_store_url(text);
    EXPECT_FALSE(url) << text;
    return url ? "" : url.error().what;
}

TEST(StoreUrl, ReadsAnSqlitePath) {
    EXPECT_EQ(parse_store_url("sqlite:a/b.db")->target, StoreUrl{SqliteUrl{"a/b.db"}}.target);
    EXPECT_EQ(parse_store_url("sqlite:/b.db")->target, StoreUrl{SqliteUrl{"/b.db"}}.target);
    EXPECT_EQ(parse_store_url("sqlite:///b.db")->target, StoreUrl{SqliteUrl{"/b.db"}}.target);
    EXPECT_FALSE(parse_store_url("sqlite:"));
    EXPECT_FALSE(parse_store_url("sqlite::memory:"));
    EXPECT_FALSE(parse_store_url("sqlite://b.db"));
}

TEST(StoreUrl, ReadsEveryPartOfAPostgresUri) {
    const PostgresUrl url =
        postgres("postgresql://me:p%40ss%2F@h1:5433,[::1]:5434,h3/market%20db?sslmode=require");
    EXPECT_EQ(url.user, "me");
    EXPECT_EQ(url.password.reveal(), "p@ss/");
    EXPECT_EQ(url.hosts, (std::vector<HostPort>{{"h1", 5433}, {"::1", 5434}, {"h3", 0}}));
    EXPECT_EQ(url.database, "market db");
    EXPECT_EQ(url.options.at("sslmode"), "require");
}

TEST(StoreUrl, ReadsASocketFolderAsHost) {
    EXPECT_EQ(postgres("postgresql://%2Fvar%2Frun/db").hosts[0].host, "/var/run");
    EXPECT_TRUE(postgres("postgresql:///db").hosts.empty());
}

TEST(StoreUrl, ReadsTheJdbcForm) {
    const PostgresUrl url =
        postgres("jdbc:postgresql://db.example.com/market_records_db?user=u&password=p@q&ssl=true");
    EXPECT_EQ(url.user, "u");
    EXPECT_EQ(url.password.reveal(), "p@q");
    EXPECT_EQ(url.database, "market_records_db");
    EXPECT_EQ(url.options.at("sslmode"), "verify-full");
    EXPECT_EQ(postgres("jdbc:postgresql:db").database, "db");
}

TEST(StoreUrl, GivesLibpqAUriThatReadsBackTheSame) {
    const PostgresUrl url = postgres("postgresql://u%3A:%25%26@[fe80::1]:1/d%3F?connect_timeout=3");
    EXPECT_EQ(postgres(connection_string(url).reveal()), url);
}

TEST(StoreUrl, ShowsNoPassword) {
    const auto url = parse_store_url("postgresql://u:hunter2@h/d");
    EXPECT_EQ(to_string(*url), "postgresql://u:***@h/d");
}

TEST(StoreUrl, TellsNoPasswordInAnError) {
    for (const std::string text :
         {"postgresql://u:hun/ter2@h/d", "postgresql://u:hun?ter2@h/d", "mysql://u:hunter2@h/d",
          "postgresql://u:hunter2@h:port/d", "hunter2", "postgresql://u:hunter2%zz@h/d",
          "jdbc:postgresql://h/d?password=hunter2&usr=x", "sqlite://u:hunter2@h"}) {
        const std::string fault = fault_of(text);
        if (text.starts_with("sqlite")) continue;  // has no password
        EXPECT_EQ(fault.find("ter2"), std::string::npos) << fault;
        EXPECT_EQ(fault.find("hun"), std::string::npos) << fault;
    }
}

TEST(StoreUrl, SuggestsTheOptionThatWasMeant) {
    EXPECT_EQ(fault_of("postgresql://h/d?sslmod=require"),
              "has sslmod, which is no known option; did you mean sslmode?");
}

TEST(TapeUrl, ReadsStoreAndKafka) {
    EXPECT_TRUE(std::holds_alternative<EmbeddedUrl>(parse_tape_url("store:")->target));
    const auto kafka = parse_tape_url("kafka://a,b:9093,[::1]");
    ASSERT_TRUE(kafka);
    EXPECT_EQ(to_string(*kafka), "kafka://a:9092,b:9093,[::1]:9092");
    EXPECT_FALSE(parse_tape_url("kafka://"));
    EXPECT_FALSE(parse_tape_url("kafka://a:0"));
    EXPECT_FALSE(parse_tape_url("kafka://a/topic"));
    EXPECT_EQ(std::get<SqliteUrl>(parse_tape_url("sqlite:///var/tape.db")->target).path,
              "/var/tape.db");
    EXPECT_EQ(to_string(*parse_tape_url("sqlite:tape.db")), "sqlite:tape.db");
    EXPECT_FALSE(parse_tape_url("sqlite://host/tape.db"));
    EXPECT_FALSE(parse_tape_url("store"));
}

TEST(TapeUrl, TellsNoPasswordInAnError) {
    EXPECT_EQ(parse_tape_url("kafka://u:hunter2@h").error().what.find("hunter2"),
              std::string::npos);
}

}  // namespace
}  // namespace tapedeck
