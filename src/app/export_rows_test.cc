#include "app/export_rows.h"

#include <gtest/gtest.h>

#include "store/sqlite/sqlite_store.h"
#include "views/last_prices.h"
#include "views/price_story.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const Timestamp kSlot = *parse_rfc3339("2026-11-24T00:05:00Z");

class RowsOfOthers : public ::testing::Test {
protected:
    RowsOfOthers() {
        feed_.name = "coin";
        feed_.instruments = {"bitcoin"};
        feed_.topic = "coin_topic";
        feed_.table = {"coin_records", RecordForm::coin};
        feeds_["coin"] = feed_;
        EXPECT_TRUE(store_->ensure_table(feed_.table));
    }

    void insert(Value price, Value slot) {
        const std::vector<Statement> insert{
            {"insert into coin_records (coin, price, date, instrument, slot, source, revision) "
             "values ('bitcoin', $1, $2, 'bitcoin', $3, 'x', 0)",
             {std::move(price), kSlot, std::move(slot)},
             1}};
        const auto done = store_->transact(insert);
        EXPECT_TRUE(done) << done.error().what;
    }

    std::vector<std::string> exported() {
        std::vector<std::string> out;
        const auto done = each_row(*store_, feeds_, {{kSlot, kSlot + 1h}, {}, {}, {}, false},
                                   [&](const ExportRow& row) {
                                       odd_.look_at(row);
                                       append_json_line(out.emplace_back(), row);
                                       return Result<>();
                                   });
        EXPECT_TRUE(done) << done.error().what;
        return out;
    }

    const ManualClock clock_{kSlot};
    std::unique_ptr<Store> store_ = *SqliteStore::open(":memory:", clock_);
    Feed feed_;
    std::map<std::string, Feed> feeds_;
    OddPrices odd_;
};

TEST_F(RowsOfOthers, AreExportedAsTheyAreAndNamed) {
    insert({}, {});
    insert(std::string("N/A"), {});
    insert(std::string("-2.50"), kSlot);
    const auto lines = exported();
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_NE(lines[0].find(R"("price":null)"), std::string::npos) << lines[0];
    EXPECT_NE(lines[1].find(R"("price":"N/A")"), std::string::npos) << lines[1];
    EXPECT_NE(lines[2].find(R"("price":"-2.50")"), std::string::npos) << lines[2];
    EXPECT_EQ(odd_.sentence(),
              "2 rows hold no number as price, the first coin_records id 1 of bitcoin: NULL");
}

TEST_F(RowsOfOthers, EndNoStoryAndNoListOfLastPrices) {
    insert({}, kSlot);
    const auto rows = find_rows(*store_, feed_, "id = $1", {std::int64_t{1}});
    ASSERT_TRUE(rows) << rows.error().what;
    EXPECT_EQ(shown_price(rows->at(0).price), "NULL");
    const std::vector<Statement> coverage{
        {"insert into coverage (feed, slot, instrument, state, settled_at) values ('coin', $1, "
         "'bitcoin', 'recorded', $1)",
         {kSlot},
         1}};
    ASSERT_TRUE(store_->transact(coverage));
    const auto last = last_prices(*store_, feed_);
    ASSERT_TRUE(last) << last.error().what;
    EXPECT_FALSE(last->at(0).price);
    EXPECT_EQ(last->at(0).source, "x");
}

// Issue 11: `plot AAPL` found nothing of before the take-over.
TEST_F(RowsOfOthers, AStockIsFoundByItsTickerAndItsWholeName) {
    Feed stock = feed_;
    stock.name = "stock";
    stock.table = {"stock_records", RecordForm::stock};
    ASSERT_TRUE(store_->ensure_table(stock.table));
    feeds_["stock"] = stock;
    for (const char* name : {"Apple Inc. (AAPL)", "AAPL", "aapl", "Not it (AAPL) Ltd. (XYZ)",
                             "Apple Inc. (AAPL", "A_PL", "(A_PL) of old"}) {
        const std::vector<Statement> insert{
            {"insert into stock_records (stock, price, date) values ($1, $2, $3)",
             {std::string(name), *Decimal::parse("150.5"), kSlot},
             1}};
        ASSERT_TRUE(store_->transact(insert));
    }
    const std::vector<Statement> ours{
        {"insert into stock_records (stock, instrument, price, date, slot, source, revision) "
         "values "
         "('Apple', 'AAPL', $1, $2, $2, 'x', 0)",
         {*Decimal::parse("151"), kSlot},
         1}};
    ASSERT_TRUE(store_->transact(ours));
    const auto names_of = [&](const std::string& instrument) {
        std::vector<std::string> names;
        const auto done =
            each_row(*store_, feeds_, {{kSlot, kSlot + 1h}, "stock", instrument, {}, false},
                     [&](const ExportRow& row) {
                         EXPECT_EQ(row.instrument, instrument);
                         names.push_back(row.name);
                         return Result<>();
                     });
        EXPECT_TRUE(done) << done.error().what;
        return names;
    };
    EXPECT_EQ(names_of("AAPL"), (std::vector<std::string>{"Apple Inc. (AAPL)", "AAPL", "Apple"}));
    EXPECT_EQ(names_of("A_PL"), (std::vector<std::string>{"A_PL", "(A_PL) of old"}));
    EXPECT_EQ(names_of("XYZ"), (std::vector<std::string>{"Not it (AAPL) Ltd. (XYZ)"}));
    const auto told = find_rows(*store_, stock, "id = 1", {});
    ASSERT_TRUE(told);
    EXPECT_EQ(told->at(0).instrument, "AAPL");
}

}  // namespace
}  // namespace tapedeck
