#include "market/price_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tapedeck {
namespace {

TEST(PriceTable, NamesAreThoseThatEveryStoreTakes) {
    const std::vector<std::string> good = {"coin_records", "a", "a2_", std::string(50, 'a')};
    for (const std::string& name : good) {
        EXPECT_TRUE(check_table_name(name)) << name;
    }
    const std::vector<std::string> bad = {"",
                                          "_x",
                                          "2a",
                                          "Coin",
                                          "a-b",
                                          "a b",
                                          "ä",
                                          "select",
                                          "pragma",
                                          "user",
                                          "sqlite_a",
                                          "pg_a",
                                          std::string(51, 'a')};
    for (const std::string& name : bad) {
        const auto checked = check_table_name(name);
        ASSERT_FALSE(checked) << name;
        EXPECT_EQ(checked.error().kind, ErrorKind::rejected);
        EXPECT_NE(checked.error().what.find("table \"" + name + "\" must be a table's name"),
                  std::string::npos)
            << checked.error().what;
    }
}

TEST(PriceTable, IsNoneOfTheStoresOwn) {
    for (const std::string name : {"offsets", "tape_partitions", "attempts_by"}) {
        EXPECT_EQ(check_table_name(name).error().what,
                  "table \"" + name + "\" is a table of tapedeck's own");
    }
}

TEST(PriceTable, HasAViewOfItsNewestPrices) {
    EXPECT_EQ(view_of("coin_records"), "coin_prices");
    EXPECT_EQ(view_of("coins"), "coins_prices");
    EXPECT_EQ(view_of("_records"), "_prices");
}

}  // namespace
}  // namespace tapedeck
