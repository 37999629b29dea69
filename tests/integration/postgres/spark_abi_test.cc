// The library that Spark's executors load, by its C ABI alone, against a real PostgreSQL.
#include "spark/abi.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/integration/postgres/database.h"
#include "tests/parts/arrow_maker.h"

namespace tapedeck {
namespace {

using parts::ArrowMaker;
using parts::Message;

std::string price(std::int64_t offset) {
    return fmt::format(
        R"({{"coin_name":"bitcoin","current_price":{}.50,"currency":"USD","slot":"2026-11-24T{:02}:{:02}:{:02}Z","observed_at":"2026-11-24T00:05:00.5Z","source":"alpha","rule":"json","revision":0}})",
        offset, offset / 3600, offset / 60 % 60, offset % 60);
}

std::vector<Message> messages(std::int64_t from, std::int64_t to) {
    std::vector<Message> out;
    for (std::int64_t offset = from; offset < to; ++offset) out.push_back({offset, price(offset)});
    return out;
}

// A session as one process of an executor has it.
class Opened {
public:
    explicit Opened(const std::string& configuration) {
        char* message = nullptr;
        status = tapedeck_open(configuration.c_str(), &session, &message);
        take(message);
    }
    ~Opened() { tapedeck_close(session); }
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;

    std::int32_t load(std::int64_t from, std::int64_t until,
                      std::vector<std::vector<Message>> arrays) {
        ArrowMaker maker;
        ArrowArrayStream stream{};
        maker.stream(std::move(arrays), &stream);
        char* message = nullptr;
        status = tapedeck_load(session, "coin_topic", 0, from, until, &stream, &counts, &message);
        take(message);
        EXPECT_EQ(stream.release, nullptr);
        return status;
    }
    std::string begin(std::int64_t earliest, std::int64_t end) {
        const std::string facts = fmt::format(
            R"({{"partitions": [{{"topic": "coin_topic", "partition": 0, "earliest": {}, "end": {}}}]}})",
            earliest, end);
        char* answer = nullptr;
        char* message = nullptr;
        status = tapedeck_begin(session, facts.c_str(), &answer, &message);
        take(message);
        const std::string out = answer == nullptr ? "" : answer;
        tapedeck_free(answer);
        return out;
    }

    tapedeck_session* session = nullptr;
    std::int32_t status = -1;
    std::string said;
    tapedeck_counts counts{};

private:
    void take(char* message) {
        said = message == nullptr ? "" : message;
        tapedeck_free(message);
    }
};

class SparkAbi : public ::testing::Test {
protected:
    std::string configuration(const std::string& more = "") const {
        return fmt::format(
            R"({{"version": 1, "store": "{}", "tape": {{"identity": "kafka:abc"}}, "log": "error",
                 "topics": [{{"topic": "coin_topic", "table": "coin_records", "form": "coin"}}],
                 "batch": {{"rows": 7}}, "password": "pa$$w0rd"{}}})",
            "postgresql://postgres@127.0.0.1:" + std::to_string(url_.hosts[0].port) + "/" +
                url_.database,
            more);
    }
    void make_tables() {
        const auto store = open_store(url_, clock_);
        ASSERT_TRUE(store->ensure_table({"coin_records", RecordForm::coin}));
    }
    std::vector<std::string> prices() {
        return Outsider(url_).rows("select price from coin_records order by id");
    }
    static std::vector<std::string> expected(std::int64_t to) {
        std::vector<std::string> out;
        for (std::int64_t offset = 0; offset < to; ++offset) {
            out.push_back(std::to_string(offset) + ".50");
        }
        return out;
    }

    const PostgresUrl url_ = new_database();
    ManualClock clock_{kTestStart};
};

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
