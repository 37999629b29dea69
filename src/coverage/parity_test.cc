#include "coverage/parity.h"

#include <gtest/gtest.h>

#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using parts::kSlot;

TEST(Parity, DoesNotDependOnTheOrderOfLines) {
    Sha256 one{};
    Sha256 other{};
    for (const char* line : {"a", "b", "c"}) add_line(one, line);
    for (const char* line : {"c", "a", "b"}) add_line(other, line);
    EXPECT_EQ(one, other);
    add_line(other, "c");
    EXPECT_NE(one, other);
}

TEST(Parity, CarriesFromByteToByte) {
    Sha256 sum{};
    sum.fill(0xFF);
    add_line(sum, "a");
    Sha256 less_one = sha256("a");  // -1 + x = x - 1
    for (std::size_t i = less_one.size(); i-- > 0;) {
        if (less_one[i]-- != 0) break;
    }
    EXPECT_EQ(sum, less_one);
}

struct ParityTest : ::testing::Test {
    ParityTest() { EXPECT_TRUE(store->ensure_table(feed.table)); }

    Parity after(const std::string& price, const std::string& state) {
        const std::vector<Statement> statements{
            {"delete from coin_records", {}, {}},
            {"delete from coverage", {}, {}},
            {"insert into coin_records (coin, instrument, price, date, slot, source, revision, "
             "recorded_at) values ('bitcoin', 'bitcoin', $1, $2, $2, 'alpha', 0, $2)",
             {*Decimal::parse(price), kSlot},
             {}},
            {"insert into coverage (feed, slot, instrument, state, settled_at) values ('coin', $1, "
             "'bitcoin', $2, $1)",
             {kSlot, state},
             {}}};
        auto done = store->transact(statements);
        EXPECT_TRUE(done) << done.error().what;
        auto parity = parity_of(*store, {{"coin", feed}});
        EXPECT_TRUE(parity) << parity.error().what;
        return parity ? *parity : Parity{};
    }

    ManualClock clock{kSlot};
    Feed feed = parts::feed_of({"bitcoin"}, {});
    std::unique_ptr<Store> store = parts::store_in_memory(clock);
};

TEST_F(ParityTest, TellsADigitAndAStateApart) {
    const Parity one = after("1.50", "recorded");
    EXPECT_EQ(one.rows, 1);
    EXPECT_EQ(one.slots, 1);
    EXPECT_EQ(after("1.50", "recorded"), one);
    EXPECT_NE(after("1.5", "recorded").rows_hash, one.rows_hash);
    EXPECT_NE(after("1.50", "failed").coverage_hash, one.coverage_hash);
}

}  // namespace
}  // namespace tapedeck
