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

}  // namespace
}  // namespace tapedeck
