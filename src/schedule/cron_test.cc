#include "schedule/cron.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

namespace tapedeck {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

LocalTime local(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
    return std::chrono::local_days(std::chrono::year(year) / std::chrono::month(month) /
                                   std::chrono::day(day)) +
           hours(hour) + minutes(minute);
}

Cron cron(std::string_view text) {
    Result<Cron> parsed = Cron::parse(text);
    EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error().what);
    return parsed ? *parsed : Cron();
}

std::string refusal_of_cron(std::string_view text) {
    const Result<Cron> parsed = Cron::parse(text);
    EXPECT_FALSE(parsed) << text;
    return parsed ? "" : parsed.error().what;
}

// The days of November 2026 (a Sunday to a Monday) on which `text` fires.
std::vector<int> november(std::string_view text) {
    std::vector<int> found;
    cron(text).for_each(local(2026, 11, 1), local(2026, 12, 1), [&](LocalTime time) {
        const auto date = std::chrono::year_month_day(std::chrono::floor<days>(time));
        found.push_back(static_cast<int>(static_cast<unsigned>(date.day())));
        return true;
    });
    return found;
}

TEST(Cron, FiresEveryFiveMinutes) {
    EXPECT_EQ(cron("*/5 * * * *").next(local(2026, 11, 24, 9, 1)), local(2026, 11, 24, 9, 5));
    EXPECT_EQ(cron("*/5 * * * *").next(local(2026, 11, 24, 9, 5)), local(2026, 11, 24, 9, 5));
    EXPECT_EQ(cron("*/5 * * * *").next(local(2026, 12, 31, 23, 56)), local(2027, 1, 1));
}

TEST(Cron, EitherDayFieldMatchesWhenBothAreGiven) {
    EXPECT_EQ(november("0 0 13 * FRI"), (std::vector{6, 13, 20, 27}));
    EXPECT_EQ(november("0 0 14 * FRI"), (std::vector{6, 13, 14, 20, 27}));
}

TEST(Cron, ABareStarLeavesTheOtherDayFieldAlone) {
    EXPECT_EQ(november("0 0 13 * *"), (std::vector{13}));
    EXPECT_EQ(november("0 0 ? * MON"), (std::vector{2, 9, 16, 23, 30}));
}

TEST(Cron, AStarWithAStepIsNoBareStar) {
    EXPECT_EQ(november("0 0 */10 * MON"), (std::vector{1, 2, 9, 11, 16, 21, 23, 30}));
}

TEST(Cron, SevenIsSunday) {
    EXPECT_EQ(november("0 0 * * 7"), november("0 0 * * 0"));
    EXPECT_EQ(november("0 0 * * 5-7"), november("0 0 * * FRI,SAT,SUN"));
}

TEST(Cron, ARangeMayWrap) {
    EXPECT_EQ(november("0 0 * * FRI-MON"), november("0 0 * * FRI,SAT,SUN,MON"));
    EXPECT_FALSE(cron("0 0 1 OCT-FEB *").matches(local(2026, 9, 1)));
    EXPECT_TRUE(cron("0 0 1 OCT-FEB *").matches(local(2026, 1, 1)));
}

TEST(Cron, LIsTheLastDayOfTheMonth) {
    EXPECT_EQ(cron("0 12 L * *").next(local(2028, 2, 1)), local(2028, 2, 29, 12));
    EXPECT_EQ(cron("0 12 L * *").next(local(2026, 11, 1)), local(2026, 11, 30, 12));
}

TEST(Cron, AliasesAreTheirFields) {
    EXPECT_EQ(cron("@hourly").next(local(2026, 11, 24, 9, 1)), local(2026, 11, 24, 10));
    EXPECT_EQ(cron("@daily").next(local(2026, 11, 24, 9, 1)), local(2026, 11, 25));
    EXPECT_EQ(cron("@weekly").next(local(2026, 11, 24)), local(2026, 11, 29));
    EXPECT_EQ(cron(" @Monthly ").next(local(2026, 11, 24)), local(2026, 12, 1));
    EXPECT_EQ(cron("@yearly").next(local(2026, 11, 24)), local(2027, 1, 1));
}

TEST(Cron, OnceNamesNoMinuteOfTheClock) {
    EXPECT_TRUE(cron("@once").is_once());
    EXPECT_FALSE(cron("@once").next(local(2026, 11, 24)));
}

TEST(Cron, TheTwentyNinthOfFebruaryIsFoundAcrossACenturyWithout) {
    EXPECT_EQ(cron("0 0 29 2 *").next(local(2096, 3, 1)), local(2104, 2, 29));
}

TEST(Cron, ErrorsNameFieldAndValue) {
    EXPECT_EQ(refusal_of_cron("* 25 * * *"), "cron '* 25 * * *': hour '25' is out of range 0-23");
    EXPECT_EQ(refusal_of_cron("5,61 * * * *"),
              "cron '5,61 * * * *': minute '61' is out of range 0-59");
    EXPECT_EQ(refusal_of_cron("* * * FOO *"), "cron '* * * FOO *': month 'foo' cannot be read");
    EXPECT_EQ(refusal_of_cron("* * * * 8"),
              "cron '* * * * 8': day of week '8' is out of range 0-7");
    EXPECT_EQ(refusal_of_cron("*/0 * * * *"),
              "cron '*/0 * * * *': minute '*/0' has a step that is no number above 0");
    EXPECT_EQ(refusal_of_cron("* * 1,,2 * *"),
              "cron '* * 1,,2 * *': day of month '1,,2' has an empty item");
    EXPECT_EQ(refusal_of_cron("* * * *"),
              "cron '* * * *': has 4 fields in place of five: minute, hour, day of month, month, "
              "day of week");
    EXPECT_NE(refusal_of_cron("@fortnightly").find("@weekly"), std::string::npos);
    EXPECT_NE(refusal_of_cron("").find("0 fields"), std::string::npos);
}

TEST(Cron, AnExpressionThatNamesNoDateIsRefused) {
    EXPECT_EQ(refusal_of_cron("0 0 30 2 *"),
              "cron '0 0 30 2 *': names no date: no such month has that day");
    EXPECT_TRUE(Cron::parse("0 0 30 2 MON"));
}

TEST(Cron, MatchesWholeMinutesOnly) {
    EXPECT_TRUE(cron("* * * * *").matches(local(2026, 11, 24)));
    EXPECT_FALSE(cron("* * * * *").matches(local(2026, 11, 24) + std::chrono::seconds(1)));
}

RC_GTEST_PROP(Cron, NextIsTheFirstMinuteThatMatches, ()) {
    const auto minute = *rc::gen::inRange(0, 60);
    const auto hour = *rc::gen::inRange(0, 24);
    const auto step = *rc::gen::inRange(1, 40);
    const auto weekday = *rc::gen::inRange(0, 8);
    const Cron parsed =
        cron(fmt::format("{}-59/{} {}-{} * * {}", minute, step, hour, (hour + 7) % 24, weekday));
    const LocalTime from =
        local(2020, 1, 1) + std::chrono::seconds(*rc::gen::inRange(0, 5 * 365 * 86'400));
    LocalTime expected = std::chrono::ceil<minutes>(from);
    while (!parsed.matches(expected)) expected += minutes(1);
    RC_ASSERT(parsed.next(from) == expected);
}

RC_GTEST_PROP(Cron, AnyBytesAreReadOrRefused, (const std::string& text)) {
    const Result<Cron> parsed = Cron::parse(text);
    RC_ASSERT(parsed || !parsed.error().what.empty());
}

}  // namespace
}  // namespace tapedeck
