#include "views/loaded_rows.h"

#include <gtest/gtest.h>

#include "store/sqlite/sqlite_store.h"
#include "views/last_prices.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const Timestamp kNow = *parse_rfc3339("2026-11-24T12:00:00Z");

class LoadedRowsTest : public ::testing::Test {
protected:
    LoadedRowsTest() {
        feed_.name = "coin";
        feed_.instruments = {"bitcoin", "ethereum"};
        feed_.topic = "coin_topic";
        feed_.table = {"coin_records", RecordForm::coin};
        EXPECT_TRUE(store_->ensure_table(feed_.table));
    }

    void change(const std::string& sql, std::vector<Value> values) {
        const std::vector<Statement> statements{{sql, std::move(values), {}}};
        const auto done = store_->transact(statements);
        EXPECT_TRUE(done) << done.error().what;
    }

    void batch(const std::string& topic, std::int64_t rows, Timestamp committed_at) {
        change(
            "insert into batches (topic, partition, from_offset, to_offset, rows, committed_at, "
            "loader) values ($1, 0, 0, 1, $2, $3, 'x')",
            {topic, rows, committed_at});
    }

    void other_row(Timestamp date) {
        change("insert into coin_records (coin, price, date) values ('bitcoin', $1, $2)",
               {*Decimal::parse("1.5"), date});
    }

    LoadedRows loaded() {
        const auto all = loaded_rows(*store_, {{"coin", feed_}}, kNow);
        EXPECT_TRUE(all) << all.error().what;
        return all ? all->at("coin") : LoadedRows();
    }

    const ManualClock clock_{kNow};
    std::unique_ptr<Store> store_ = *SqliteStore::open(":memory:", clock_);
    Feed feed_;
};

TEST_F(LoadedRowsTest, TellWhatCameWithoutAnySchedule) {
    EXPECT_FALSE(loaded().last_row);
    batch("coin_topic", 5, kNow - 25h);
    batch("coin_topic", 2, kNow - 2h);
    batch("coin_topic@1f2e", 3, kNow - 1h);
    batch("coin_topic", 0, kNow - 1min);  // holes, the start
    batch("stock_topic", 9, kNow - 1min);
    change(
        "insert into offsets (topic, partition, next_offset, last_timestamp) values "
        "('coin_topic', 0, 9, $1)",
        {kNow - 90min});
    const LoadedRows rows = loaded();
    EXPECT_EQ(rows.rows_last_day, 5);
    EXPECT_EQ(rows.last_row, kNow - 1h);
    EXPECT_EQ(rows.last_message, kNow - 90min);
}

TEST_F(LoadedRowsTest, CountRowsOfOthersSinceLoadingBegan) {
    other_row(kNow - 5h);
    EXPECT_EQ(loaded().others, 0);  // nothing is loaded beside them
    change(
        "insert into loading_starts (topic, partition, start_offset, how, price_table, others, "
        "last_other, last_before, decided_at) values ('coin_topic', 0, 7, 'end', "
        "'coin_records', 1, 1, 0, $1)",
        {kNow - 4h});
    EXPECT_EQ(loaded().others, 0);
    other_row(kNow - 6h);  // its date says nothing of when it came
    other_row(kNow - 3h);
    const LoadedRows rows = loaded();
    EXPECT_EQ(rows.others, 2);
    EXPECT_EQ(rows.others_from, kNow - 6h);
    EXPECT_EQ(rows.others_to, kNow - 3h);
    EXPECT_EQ(rows.since, kNow - 4h);
}

// Issue 11: a collection under another scheduler left `status` empty.
TEST_F(LoadedRowsTest, LastPricesAreThoseThatWereSentWhereNoScheduleExpectedThem) {
    const Timestamp slot = kNow - 10min;
    const auto row = [&](const std::string& coin, Timestamp of, const std::string& price) {
        change(
            "insert into coin_records (coin, instrument, price, date, slot, source, revision, "
            "recorded_at) values ($1, $1, $2, $3, $3, 'alpha', 0, $3)",
            {coin, *Decimal::parse(price), of});
    };
    const auto sent = [&](const std::string& coin, Timestamp of) {
        change(
            "insert into outcomes (run_id, feed, slot, try, instrument, state, what, source, "
            "rule, config, collector, started, ended, recorded_at) values ($1, 'coin', $2, 1, "
            "$3, 'sent', '', 'alpha', '', '', '', $2, $2, $2)",
            {"manual/" + format_rfc3339(of), of, coin});
    };
    row("bitcoin", slot, "1.5");
    sent("bitcoin", slot);
    // Of ethereum the ledger knows an older slot; the newest one that was sent is not loaded yet.
    row("ethereum", slot - 1h, "7");
    change(
        "insert into coverage (feed, slot, instrument, state, settled_at) values ('coin', $1, "
        "'ethereum', 'recorded', $1)",
        {slot - 1h});
    sent("ethereum", slot);
    const auto prices = last_prices(*store_, feed_);
    ASSERT_TRUE(prices) << prices.error().what;
    ASSERT_EQ(prices->size(), 2U);
    ASSERT_TRUE(prices->at(0).price && prices->at(1).price);
    EXPECT_EQ(prices->at(0).price->to_string(), "1.5");
    EXPECT_EQ(prices->at(0).seen, slot);
    EXPECT_EQ(prices->at(1).price->to_string(), "7");
}

}  // namespace
}  // namespace tapedeck
