#include "lambda/collect_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tapedeck {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kStocks = R"~({
    "stock_list": ["AAPL", "TSLA", "AAPL"],
    "base_url": "https://finance.yahoo.com/quote/",
    "stock_name_html_class": "D(ib) Fz(18px)",
    "previouse_close_html_class": "Ta(end) Fw(600)",
    "price_html_class": "Fw(b) Fz(36px)",
    "kafka_server": "10.0.0.1:9092",
    "kafka_topic": "coin_topic"})~";

std::string fault(std::string_view event) {
    const auto read = parse_event(event);
    EXPECT_FALSE(read) << event;
    return read ? "" : read.error().what;
}

TEST(CollectEvent, ReadsTheEarlierPipelinesFieldByField) {
    const auto stocks = parse_event(kStocks);
    ASSERT_TRUE(stocks) << stocks.error().what;
    EXPECT_EQ(stocks->feed, "stock");
    EXPECT_THAT(stocks->instruments, ElementsAre("AAPL", "TSLA"));
    ASSERT_TRUE(stocks->original);
    EXPECT_EQ(stocks->original->base_url, "https://finance.yahoo.com/quote/");
    EXPECT_EQ(stocks->original->stock_name_html_class, "D(ib) Fz(18px)");
    EXPECT_EQ(stocks->original->previous_close_html_class, "Ta(end) Fw(600)");
    EXPECT_EQ(stocks->original->price_html_class, "Fw(b) Fz(36px)");
    EXPECT_EQ(stocks->original->kafka_server, "10.0.0.1:9092");
    EXPECT_EQ(stocks->original->kafka_topic, "coin_topic");
    EXPECT_FALSE(stocks->slot);
    const auto coins = parse_event(
        R"({"coin_list":["bitcoin"],"base_url":"https://coinmarketcap.com/currencies/",)"
        R"("price_html_class":"priceValue","kafka_server":"k:9092","kafka_topic":"coin_topic",)"
        R"("more":1})");
    ASSERT_TRUE(coins) << coins.error().what;
    EXPECT_EQ(coins->feed, "coin");
    EXPECT_THAT(coins->unused, ElementsAre("more"));
}

TEST(CollectEvent, ReadsOurs) {
    const auto event = parse_event(
        R"({"feed":"coin","slot":"2026-11-24T00:05:00Z","run_id":"r","try":2,"instruments":["bnb"]})");
    ASSERT_TRUE(event) << event.error().what;
    EXPECT_EQ(event->feed, "coin");
    EXPECT_EQ(event->slot, *parse_rfc3339("2026-11-24T00:05:00Z"));
    EXPECT_EQ(event->run_id, "r");
    EXPECT_EQ(event->try_number, 2);
    EXPECT_THAT(event->instruments, ElementsAre("bnb"));
    EXPECT_FALSE(event->original);
    EXPECT_FALSE(parse_event(R"({"feed":"coin","slot":null})")->slot);
}

TEST(CollectEvent, NamesEveryFieldThatIsMissingOrWrong) {
    EXPECT_THAT(
        fault(R"({"coin_list":["bitcoin"],"base_url":5,"price_html_class":"x"})"),
        testing::AllOf(HasSubstr("base_url must be a text, and is a number"),
                       HasSubstr("kafka_server is missing"), HasSubstr("kafka_topic is missing")));
    EXPECT_THAT(fault(R"({"coin_list":"bitcoin"})"),
                HasSubstr("coin_list must be a list of texts"));
    EXPECT_THAT(fault(R"({"coin_list":[1]})"), HasSubstr("holds a number"));
    EXPECT_THAT(fault(R"({"coin_list":["a b"]})"), HasSubstr("coin_list: must be an instrument"));
    EXPECT_THAT(fault(R"({"feed":"coin","slot":"now"})"), HasSubstr("slot: "));
    EXPECT_THAT(fault(R"({"feed":"coin","slot":5})"), HasSubstr("slot must be a time"));
    EXPECT_THAT(fault(R"({"feed":"coin","slt":"x"})"), HasSubstr("'slt': there is no such field"));
    EXPECT_THAT(fault(R"({"feed":"coin","try":0})"), HasSubstr("try must be a number"));
    EXPECT_THAT(fault(R"({"feed":"coin","feed":"stock"})"), HasSubstr("twice"));
    EXPECT_THAT(fault(R"({"coin_list":[],"stock_list":[]})"), HasSubstr("both"));
    EXPECT_THAT(fault("{}"), HasSubstr("neither feed, coin_list nor stock_list"));
    EXPECT_THAT(fault("[]"), HasSubstr("must be an object, and is a list"));
    EXPECT_THAT(fault("5"), HasSubstr("is a number"));
    EXPECT_THAT(fault("{"), HasSubstr("no JSON"));
    EXPECT_THAT(fault(""), HasSubstr("no JSON"));
    EXPECT_THAT(fault(std::string(6'000'000, '[')), HasSubstr("no JSON"));
}

}  // namespace
}  // namespace tapedeck
