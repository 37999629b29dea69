// The library that Spark's executors load, by its C ABI alone, against a real PostgreSQL.
#include <atomic>
#include <random>
#include <thread>

#include "tests/integration/postgres/spark_session.h"

namespace tapedeck {
namespace {

TEST_F(SparkAbi, MakesNoTableAndSaysWhoDoes) {
    const Opened refused(configuration());
    EXPECT_EQ(refused.status, TAPEDECK_REJECTED);
    EXPECT_EQ(refused.session, nullptr);
    EXPECT_NE(refused.said.find("there are no tables of tapedeck's"), std::string::npos)
        << refused.said;
    EXPECT_EQ(Outsider(url_).value("select count(*) from pg_tables where schemaname = 'public'"),
              "0");
}

TEST_F(SparkAbi, RefusesAConfigurationWithoutSayingItsPassword) {
    for (const std::string& text : {configuration(", \"sparks\": 3"), std::string("{")}) {
        const Opened refused(text);
        EXPECT_EQ(refused.status, TAPEDECK_MALFORMED);
        EXPECT_EQ(refused.said.find("pa$$w0rd"), std::string::npos) << refused.said;
    }
    make_tables();
    EXPECT_EQ(Opened(configuration(", \"deployment\": \"other\"")).status, TAPEDECK_REJECTED);
}

TEST_F(SparkAbi, LoadsInTransactionsOfItsOwnSizeAndEachMessageOnce) {
    make_tables();
    Opened opened(configuration());
    ASSERT_EQ(opened.status, TAPEDECK_OK) << opened.said;
    EXPECT_EQ(
        opened.begin(0, 40),
        R"({"partitions":[{"topic":"coin_topic","partition":0,"ledger":0,"start":0}],"gaps":0})");
    ASSERT_EQ(opened.load(0, 40, {messages(0, 25), messages(25, 38)}), TAPEDECK_OK) << opened.said;
    EXPECT_EQ(opened.counts.next, 40);
    EXPECT_EQ(opened.counts.rows, 38);
    EXPECT_EQ(opened.counts.batches, 7) << "four of 25, two of 13, and one to pass over the end";
    ASSERT_EQ(opened.load(0, 40, {messages(0, 38)}), TAPEDECK_OK) << opened.said;
    EXPECT_EQ(opened.counts.messages, 0);
    EXPECT_EQ(prices(), expected(38));
    EXPECT_EQ(Outsider(url_).value("select count(distinct loader) from batches"), "1");
}

TEST_F(SparkAbi, TellsWhereTheLedgerStandsBelowTheRange) {
    make_tables();
    Opened opened(configuration());
    ASSERT_EQ(opened.load(0, 5, {messages(0, 5)}), TAPEDECK_OK) << opened.said;
    EXPECT_EQ(opened.load(9, 12, {messages(9, 12)}), TAPEDECK_CONFLICT);
    EXPECT_EQ(opened.counts.next, 5);
    auto other = messages(4, 6);
    other[0].value = price(77);
    EXPECT_EQ(opened.load(4, 6, {other}), TAPEDECK_REJECTED);
    EXPECT_NE(opened.said.find("made anew"), std::string::npos) << opened.said;
    EXPECT_EQ(prices(), expected(5));
}

// Attempts of the same tasks at the same time, connections that are cut meanwhile, ranges that are
// brought again: what is in the table is what was brought, once.
TEST_F(SparkAbi, AttemptsThatRaceAndLoseTheirConnectionsLoadEachMessageOnce) {
    make_tables();
    constexpr std::int64_t kEnd = 600;
    constexpr std::int64_t kRange = 60;
    std::atomic<bool> done = false;
    std::thread cutter([&] {
        Outsider outsider(url_of(postgres(), "postgres"));
        std::mt19937 random(7);
        for (int cuts = 0; cuts < 40 && !done; ++cuts) {
            outsider.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = '" +
                url_.database +
                "' and application_name like 'tapedeck%' order by random() limit 1");
            std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 100));
        }
    });
    std::vector<std::thread> attempts;
    for (int attempt = 0; attempt < 3; ++attempt) {
        attempts.emplace_back([&, attempt] {
            std::mt19937 random(static_cast<unsigned>(attempt));
            for (std::int64_t from = 0; from < kEnd;) {
                Opened opened(configuration());
                if (opened.status == TAPEDECK_UNAVAILABLE) continue;
                ASSERT_EQ(opened.status, TAPEDECK_OK) << opened.said;
                const std::int64_t cut = from + 1 + static_cast<std::int64_t>(random() % kRange);
                const auto until = std::min(from + kRange, kEnd);
                const auto status = opened.load(
                    from, until,
                    {messages(from, std::min(cut, until)), messages(std::min(cut, until), until)});
                ASSERT_TRUE(status == TAPEDECK_OK || status == TAPEDECK_UNAVAILABLE) << opened.said;
                if (status == TAPEDECK_OK) from = until;
            }
        });
    }
    for (std::thread& attempt : attempts) attempt.join();
    done = true;
    cutter.join();
    EXPECT_EQ(prices(), expected(kEnd));
}

}  // namespace
}  // namespace tapedeck
