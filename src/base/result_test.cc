#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace tapedeck {
namespace {

const Error kAway{ErrorKind::unavailable, "the broker is away"};

TEST(Result, IsAValueOrAnError) {
    const Result<int> value = 7;
    EXPECT_TRUE(value);
    EXPECT_EQ(*value, 7);
    const Result<int> error = kAway;
    EXPECT_FALSE(error);
    EXPECT_EQ(error.error().kind, ErrorKind::unavailable);
    EXPECT_EQ(error.value_or(3), 3);
    EXPECT_TRUE(Result<>());
}

TEST(Result, HoldsAValueOfTheErrorsOwnContents) {
    const Result<std::string> text = std::string("fine");
    EXPECT_EQ(text->size(), 4U);
    Result<std::unique_ptr<int>> owned = std::make_unique<int>(5);
    const std::unique_ptr<int> taken = *std::move(owned);
    EXPECT_EQ(*taken, 5);
}

TEST(Result, TransformsAValueAndPassesAnErrorOn) {
    EXPECT_EQ(*Result<int>(2).transform([](int value) { return value + 0.5; }), 2.5);
    EXPECT_EQ(Result<int>(kAway).transform([](int) { return 1; }).error().what, kAway.what);
}

TEST(ResultDeathTest, LookingAtWhatIsNotThereIsABug) {
    const Result<int> error = kAway;
    EXPECT_DEATH((void)*error, "broken invariant");
    const Result<int> value = 1;
    EXPECT_DEATH((void)value.error(), "broken invariant");
}

TEST(Error, OnlyAFarSideThatIsAwayIsWorthTheSameCallAgain) {
    EXPECT_TRUE(retryable(ErrorKind::unavailable));
    for (const ErrorKind kind :
         {ErrorKind::malformed, ErrorKind::rejected, ErrorKind::conflict, ErrorKind::corrupt}) {
        EXPECT_FALSE(retryable(kind)) << to_string(kind);
    }
}

TEST(Error, ContextStandsBeforeIt) {
    const Error error = in_context("reading tape.db", kAway);
    EXPECT_EQ(error.what, "reading tape.db: the broker is away");
    EXPECT_EQ(error.kind, kAway.kind);
}

TEST(InQuotes, ShowsForeignBytesAsPrintableUtf8) {
    EXPECT_EQ(in_quotes("1 234,56 €"), "'1 234,56 €'");
    EXPECT_EQ(in_quotes(std::string_view("a\0\n\x7F\xFF\xE2\x82", 7)),
              "'a\\x00\\x0a\\x7f\\xff\\xe2\\x82'");
}

TEST(InQuotes, LeavesOutTheMiddleOfALongValue) {
    const std::string value = std::string(500, 'a') + "€" + std::string(500, 'z');
    EXPECT_EQ(in_quotes(value),
              "'" + std::string(40, 'a') + "…" + std::string(40, 'z') + "' (1003 bytes)");
    EXPECT_EQ(in_quotes(std::string(80, 'a')), "'" + std::string(80, 'a') + "'");
}

}  // namespace
}  // namespace tapedeck
