#include "demo/price_walk.h"

#include <gtest/gtest.h>

#include "demo/demo_testing.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const Timestamp kTuesday = at("2026-11-24T15:00:00Z");

TEST(PriceWalk, IsAFunctionOfSeedInstrumentAndTime) {
    const PriceWalk one(7, stock_calendar());
    const PriceWalk same(7, stock_calendar());
    const PriceWalk other(8, stock_calendar());
    const auto coin = *coin_by_slug("bitcoin");
    int differ = 0;
    for (auto time = kTuesday; time < kTuesday + 10min; time += 7s) {
        EXPECT_EQ(one.exact(coin, time).to_string(), same.exact(coin, time).to_string());
        differ += one.exact(coin, time) == other.exact(coin, time) ? 0 : 1;
    }
    EXPECT_GT(differ, 80);
}

TEST(PriceWalk, MovesFromSlotToSlotWithinReason) {
    const PriceWalk walk(1, stock_calendar());
    for (const std::string_view slug : {"bitcoin", "dogecoin", "solana", "some-new-coin"}) {
        const auto coin = *coin_by_slug(slug);
        int moves = 0;
        Price last = walk.shown(coin, kTuesday);
        for (auto time = kTuesday; time < kTuesday + 1h; time += 10s) {
            const Price price = walk.shown(coin, time);
            EXPECT_TRUE(price.is_positive());
            EXPECT_EQ(price.scale(), coin.digits);
            // Never more than one per cent in ten seconds: |a - b| * 100 <= b.
            const auto difference = *Decimal::difference(price, last);
            const Int128 size =
                difference.coefficient() < 0 ? -difference.coefficient() : difference.coefficient();
            EXPECT_LE(size * 100, last.coefficient()) << slug << " " << format_rfc3339(time);
            moves += price == last ? 0 : 1;
            last = price;
        }
        EXPECT_GT(moves, 200) << slug;  // of 360
    }
}

TEST(PriceWalk, StaysWithinAQuarterOfItsBaseForYearsAndIsNeverZero) {
    const PriceWalk walk(3, stock_calendar());
    for (const std::string_view slug : {"pepe", "shiba-inu", "bitcoin", "x"}) {
        const auto coin = *coin_by_slug(slug);
        const auto base = *Price::parse(coin.base);
        const auto low = *Decimal::product(base, *Price::parse("0.74"));
        const auto high = *Decimal::product(base, *Price::parse("1.26"));
        for (auto time = at("1969-01-01T00:00:00Z"); time < at("2040-01-01T00:00:00Z");
             time += std::chrono::hours(24 * 11) + 13s) {
            const Price price = walk.shown(coin, time);
            ASSERT_TRUE(price.is_positive());
            ASSERT_GE(price, low);
            ASSERT_LE(price, high);
        }
    }
}

TEST(PriceWalk, ShowsTheExactPriceRoundedToThePagesDigits) {
    const PriceWalk walk(1, stock_calendar());
    const auto coin = *coin_by_slug("dogecoin");
    const PriceView view = walk.view(coin, kTuesday);
    EXPECT_EQ(view.price.scale(), 5);
    EXPECT_EQ(view.exact.scale(), 13);
    EXPECT_EQ(view.price, *view.exact.rounded(5, Rounding::half_even));
    EXPECT_NE(view.embedded, view.exact);
    EXPECT_EQ(view.price, walk.shown(coin, kTuesday));
}

TEST(PriceWalk, RoundsUpToOneTickWhereNothingWouldBeLeft) {
    EXPECT_EQ(to_digits(*Price::parse("0.004"), 2).to_string(), "0.01");
    EXPECT_EQ(to_digits(*Price::parse("0.026"), 2).to_string(), "0.03");
}

TEST(PriceWalk, KeepsAStocksLastCloseWhileTheExchangeIsShut) {
    const PriceWalk walk(1, stock_calendar());
    const auto stock = *stock_by_symbol("AAPL");
    const Timestamp close = at("2026-11-24T21:00:00Z");
    const PriceView evening = walk.view(stock, close + 2h);
    EXPECT_FALSE(evening.open);
    EXPECT_EQ(evening.as_of, close);
    EXPECT_EQ(evening.price, walk.shown(stock, close));
    ASSERT_TRUE(evening.after_hours);
    EXPECT_EQ(evening.after_hours_at, close + 2h);
    const PriceView night = walk.view(stock, close + 9h);
    EXPECT_EQ(night.price, evening.price);
    EXPECT_EQ(night.after_hours_at, close + 4h);
    const PriceView open = walk.view(stock, kTuesday);
    EXPECT_TRUE(open.open);
    EXPECT_EQ(open.as_of, kTuesday);
    EXPECT_FALSE(open.after_hours);
}

TEST(PriceWalk, PreviousCloseIsThatOfTheLastSessionBeforeHolidaysIncluded) {
    const PriceWalk walk(1, stock_calendar());
    const auto stock = *stock_by_symbol("TSLA");
    const Timestamp wednesday_close = at("2026-11-25T21:00:00Z");
    // Thursday the 26th is a holiday.
    EXPECT_EQ(walk.previous_close(stock, at("2026-11-27T15:00:00Z")),
              walk.shown(stock, wednesday_close));
    // On the holiday the last session is still Wednesday's, and the one before it Tuesday's.
    EXPECT_EQ(walk.previous_close(stock, at("2026-11-26T15:00:00Z")),
              walk.shown(stock, at("2026-11-24T21:00:00Z")));
}

TEST(PriceWalk, HighAndLowHoldTheDaysPrices) {
    const PriceWalk walk(1, stock_calendar());
    for (const std::string_view symbol : {"AAPL", "^GSPC", "ZZZZ"}) {
        const PriceView view = walk.view(*stock_by_symbol(symbol), kTuesday);
        EXPECT_LE(view.low, view.price);
        EXPECT_GE(view.high, view.price);
        EXPECT_LE(view.low, view.day_open);
        EXPECT_GE(view.high, view.day_open);
    }
}

TEST(Instruments, KnowOneCoinUnderItsManyNames) {
    for (const std::string_view pair :
         {"BTC-USD", "BTCUSDT", "XBTUSD", "XXBTZUSD", "btcusd", "BTC/USD"}) {
        const auto coin = coin_by_pair(pair);
        ASSERT_TRUE(coin) << pair;
        EXPECT_EQ(coin->id, "bitcoin") << pair;
    }
    EXPECT_EQ(coin_by_pair("XDGUSD")->id, "dogecoin");
    EXPECT_EQ(coin_by_pair("USDTZUSD")->id, "tether");
    EXPECT_EQ(coin_by_gecko_id("avalanche-2")->id, "avalanche");
    EXPECT_EQ(coin_by_gecko_id("binancecoin")->id, "bnb");
    EXPECT_EQ(stock_by_symbol("BTC-USD")->id, "bitcoin");
    EXPECT_EQ(stock_by_symbol("aapl")->symbol, "AAPL");
    EXPECT_FALSE(coin_by_pair("BTC"));
}

TEST(Instruments, MakeUpWhatTheyDoNotKnowAndRefuseBadNames) {
    const auto coin = coin_by_slug("some-new-coin");
    ASSERT_TRUE(coin);
    EXPECT_EQ(coin->name, "Some New Coin");
    EXPECT_EQ(coin->symbol, "SOMEN");
    EXPECT_TRUE(Price::parse(coin->base)->is_positive());
    EXPECT_EQ(coin->base, coin_by_slug("some-new-coin")->base);
    for (const std::string_view bad :
         {"", "unknown-coin", "NONEXIST", "a b", "../etc", "<script>"}) {
        EXPECT_FALSE(coin_by_slug(bad)) << bad;
        EXPECT_FALSE(stock_by_symbol(bad)) << bad;
    }
}

}  // namespace
}  // namespace tapedeck
