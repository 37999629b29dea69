// The audit over PostgreSQL finds what it finds over SQLite, place by place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "mend/dead_letters.h"
#include "tests/integration/postgres/database.h"
#include "tests/parts/test_audited.h"

namespace tapedeck {
namespace {

using parts::AuditedDay;
using parts::kSlot;

// One recorded day over a store; what is found in it, without the rows' ids, which each database
// gives as it likes.
struct Audited {
    explicit Audited(std::function<std::unique_ptr<Store>(const Clock&)> open)
        : store(open(clock)), day(*store, tape, nullptr, clock) {
        day.record();
    }

    std::vector<std::string> found() {
        const auto report = day.audit();
        EXPECT_TRUE(report) << report.error().what;
        if (!report) return {};
        std::vector<std::string> lines;
        for (const std::string& line : parts::lines_of(*report)) {
            lines.push_back(std::regex_replace(line, std::regex(" row \\d+"), ""));
        }
        return lines;
    }

    parts::SkippingClock clock{kSlot};
    MemoryTape tape;
    std::unique_ptr<Store> store;
    AuditedDay day;
};

std::unique_ptr<Store> open_postgres(const Clock& clock) {
    auto opened = PostgresStore::open(new_database(), clock);
    EXPECT_TRUE(opened) << opened.error().what;
    return opened ? *std::move(opened) : nullptr;
}

TEST(PostgresAudit, FindsWhatSqliteFinds) {
    Audited postgres(open_postgres);
    Audited sqlite(parts::store_in_memory);
    EXPECT_THAT(postgres.found(), ::testing::ElementsAre());
    const auto of_postgres = postgres.day.audit();
    const auto of_sqlite = sqlite.day.audit();
    ASSERT_TRUE(of_postgres && of_sqlite);
    EXPECT_EQ(of_postgres->messages, of_sqlite->messages);
    EXPECT_EQ(of_postgres->prices, of_sqlite->prices);
    EXPECT_EQ(of_postgres->attempts, of_sqlite->attempts);
    EXPECT_EQ(of_postgres->not_compared, of_sqlite->not_compared);
    std::size_t before = 0;
    for (const char* sql :
         {"update coin_records set price = '216.530' where price = '216.53'",
          "update stock_records set previous_close = '270.1', stock = 'Apple'",
          "update coin_records set currency = 'EUR' where coin = 'ethereum'",
          "update coin_records set source = 'beta' where price = '217.53'",
          "delete from coin_records where coin = 'dogecoin'",
          "insert into coin_records (coin, instrument, price, date, slot, source, revision, "
          "recorded_at) select 'tulip', 'tulip', price, date, slot, source, 1, recorded_at from "
          "coin_records where price = '218.53'",
          "update duplicates set other_price = '216.540'", "delete from dead_letters",
          "delete from outcomes where state = 'failed'",
          "update attempts set status = 500 where reason = 'timeout'",
          "delete from batches where topic = 'stock_topic' and from_offset = 1",
          "update offsets set next_offset = 1 where topic = 'stock_topic'",
          "delete from coverage where instrument = 'bitcoin'"}) {
        postgres.day.change({sql, {}, {}});
        sqlite.day.change({sql, {}, {}});
        const auto found = postgres.found();
        EXPECT_EQ(found, sqlite.found()) << sql;
        EXPECT_GT(found.size(), before) << sql;
        before = found.size();
    }
}

// A value that the table did not take, retried when it does, and when the tape has it no more.
TEST(PostgresAudit, ARetriedDeadLetterIsComparedWithItsMessageOrWithWhatItKept) {
    Audited postgres(open_postgres);
    AuditedDay& day = postgres.day;
    day.change({"alter table coin_records add constraint sane check (price <> 21.50)", {}, {}});
    day.append({"coin_topic",
                "",
                R"([{"coin_name":"solana","current_price":21.50},)"
                R"({"coin_name":"bnb","current_price":3}])",
                postgres.clock.now(),
                {}});
    day.load();
    EXPECT_THAT(postgres.found(), ::testing::ElementsAre());
    std::optional<StoredLetter> letter;
    ASSERT_TRUE(each_letter(*postgres.store, {.reason = "sane"}, 10,
                            [&](const StoredLetter& one) -> Result<> {
                                auto whole = find_letter(*postgres.store, one.id);
                                if (!whole) return whole.error();
                                letter = *std::move(whole);
                                return {};
                            }));
    ASSERT_TRUE(letter);
    postgres.clock.advance(std::chrono::minutes(1));
    LetterRetry retry(*postgres.store, postgres.clock, day.feeds, "anna@desk");
    const auto refused = retry.retry(*letter);
    ASSERT_TRUE(refused) << refused.error().what;
    EXPECT_EQ(refused->kind, RetryResult::Kind::stays);
    EXPECT_THAT(refused->reason, ::testing::HasSubstr("sane"));
    day.change({"alter table coin_records drop constraint sane", {}, {}});
    const auto loaded = retry.retry(*letter);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->committed.rows, 1);
    EXPECT_THAT(postgres.found(), ::testing::ElementsAre());
    ASSERT_TRUE(postgres.tape.discard({"coin_topic", Partition(0)}, Offset(10)));
    EXPECT_THAT(postgres.found(), ::testing::ElementsAre());
    day.change({"update coin_records set price = 21.51 where price = 21.50", {}, 1});
    EXPECT_EQ(postgres.found().size(), 1U);
}

TEST(PostgresAudit, WhatRetentionTookIsNoDifferenceAndARowOfNoBatchIsOne) {
    Audited audited(open_postgres);
    ASSERT_TRUE(audited.tape.discard({"coin_topic", Partition(0)}, Offset(2)));
    EXPECT_THAT(audited.found(), ::testing::ElementsAre());
    audited.day.change(
        {"insert into coin_records (coin, instrument, price, date, slot, source, revision, "
         "recorded_at) select 'tulip', 'tulip', price, date, slot, source, 1, now() from "
         "coin_records where price = '216.53'",
         {},
         1});
    EXPECT_EQ(audited.found().size(), 1U);
}

}  // namespace
}  // namespace tapedeck
