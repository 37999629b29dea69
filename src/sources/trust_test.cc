#include "sources/trust.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

Reading reading(const char* price, const char* rule = "r") {
    Reading made;
    made.price = *Decimal::parse(price);
    made.rule = rule;
    return made;
}

std::string winner(const std::vector<Reading>& readings) {
    const auto chosen = trusted_reading(readings);
    if (const auto* why = std::get_if<std::string>(&chosen)) return *why;
    return readings[std::get<std::size_t>(chosen)].price.to_string();
}

TEST(Trust, TheFirstWinsWhereRoundingAndTimeExplainTheDifference) {
    EXPECT_EQ(winner({reading("12.5")}), "12.5");
    EXPECT_EQ(winner({reading("79186.83"), reading("79186.83216616929")}), "79186.83");
    EXPECT_EQ(winner({reading("1696.64"), reading("1710.562274583691")}), "1696.64");
    EXPECT_EQ(winner({reading("1097"), reading("1097.4")}), "1097");
    EXPECT_EQ(winner({reading("12.50"), reading("12.5000")}), "12.50");
    EXPECT_EQ(winner({reading("0.05"), reading("0.0500")}), "0.05");
}

TEST(Trust, APriceWithFewerDigitsThanThePageKnowsIsNone) {
    EXPECT_EQ(winner({reading("0.01"), reading("0.0073412")}), "0.0073412");
    EXPECT_EQ(winner({reading("0.07"), reading("0.0789")}), "0.0789");  // cut
    EXPECT_EQ(winner({reading("12"), reading("12.4")}), "12.4");
    EXPECT_EQ(winner({reading("0.01"), reading("0.01"), reading("0.0073412")}), "0.0073412");
}

TEST(Trust, WhatContradictsIsRefusedUnlessMoreAgree) {
    EXPECT_EQ(
        winner({reading("12.34", "shown"), reading("99.10", "json")}),
        "the page gives two prices that contradict one another: 12.34 (shown) and 99.10 (json)");
    EXPECT_EQ(winner({reading("99.10"), reading("12.34"), reading("12.36")}), "12.34");
    EXPECT_EQ(winner({reading("12.34"), reading("99.10"), reading("12.36")}), "12.34");
}

TEST(Trust, OtherCurrenciesAndOtherDaysAreOtherQuantities) {
    std::vector<Reading> two{reading("100"), reading("15000.5")};
    two[0].currency = "USD";
    two[1].currency = "JPY";
    EXPECT_EQ(winner(two), "100");
    two[1].currency = "USD";
    EXPECT_NE(winner(two), "100");
    two[0].as_of = Timestamp(std::chrono::hours(500'000));
    two[1].as_of = *two[0].as_of - std::chrono::minutes(61);
    EXPECT_EQ(winner(two), "100");
}

}  // namespace
}  // namespace tapedeck
