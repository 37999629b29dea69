#include "base/time.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <ctime>

namespace tapedeck {
namespace {

using namespace std::chrono;

Timestamp at(std::string_view text) {
    const auto time = parse_rfc3339(text);
    EXPECT_TRUE(time) << text;
    return time.value_or(Timestamp());
}

// Every instant that can be written: the years 0001 to 9999.
rc::Gen<Timestamp> instants() {
    constexpr std::int64_t kFirst = -62'135'596'800'000'000;
    constexpr std::int64_t kLast = 253'402'300'799'999'999;
    return rc::gen::map(rc::gen::inRange<std::int64_t>(kFirst, kLast + 1),
                        [](std::int64_t micros) { return Timestamp(microseconds(micros)); });
}

TEST(Rfc3339, IsWrittenWithTheShortestFraction) {
    const Timestamp base = sys_days(year(2026) / 11 / 24) + 5min;
    EXPECT_EQ(format_rfc3339(base), "2026-11-24T00:05:00Z");
    EXPECT_EQ(format_rfc3339(base + 412'913us), "2026-11-24T00:05:00.412913Z");
    EXPECT_EQ(format_rfc3339(base + 400ms), "2026-11-24T00:05:00.4Z");
    EXPECT_EQ(format_rfc3339(base + 1us), "2026-11-24T00:05:00.000001Z");
    EXPECT_EQ(format_rfc3339(Timestamp() - 1us), "1969-12-31T23:59:59.999999Z");
    EXPECT_EQ(format_rfc3339(at("0001-01-01")), "0001-01-01T00:00:00Z");
    EXPECT_EQ(format_rfc3339(at("9999-12-31T23:59:59.999999Z")), "9999-12-31T23:59:59.999999Z");
}

TEST(Rfc3339, ReadsOffsetsFractionsAndBareDates) {
    EXPECT_EQ(at("2026-11-24T01:05:00+01:00"), at("2026-11-24T00:05:00Z"));
    EXPECT_EQ(at("2026-11-23T19:05:00-05:00"), at("2026-11-24T00:05:00Z"));
    EXPECT_EQ(at("2026-11-24T05:35:00+0530"), at("2026-11-24T00:05:00Z"));
    EXPECT_EQ(at("2026-11-24 00:05:00z"), at("2026-11-24T00:05:00Z"));
    EXPECT_EQ(at("2026-11-24T00:05Z"), at("2026-11-24T00:05:00Z"));
    EXPECT_EQ(at("2026-11-24"), at("2026-11-24T00:00:00Z"));
    EXPECT_EQ(at("2026-11-24T00:05:00.4129137Z"), at("2026-11-24T00:05:00.412913Z"));
    EXPECT_EQ(at("2026-11-24T00:05:00.5Z") - at("2026-11-24T00:05:00Z"), 500ms);
    EXPECT_EQ(at("2024-02-29T00:00:00Z") - at("2024-02-28T00:00:00Z"), 24h);
    EXPECT_EQ(at("2016-12-31T23:59:60Z"), at("2017-01-01T00:00:00Z"));
    EXPECT_EQ(at("1970-01-01T00:00:00Z"), Timestamp());
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
    for (const std::string_view text : {"",
                                        "2026",
                                        "2026-11",
                                        "2026-11-24T",
                                        "2026-11-24T00",
                                        "2026-11-24T00:05",
                                        "2026-11-24T00:05:00",
                                        "2026-13-01",
                                        "2026-00-01",
                                        "2026-02-29",
                                        "2026-11-31",
                                        "2026-11-24T24:00:00Z",
                                        "2026-11-24T00:60:00Z",
                                        "2026-11-24T00:05:61Z",
                                        "2026-11-24T00:05:00.Z",
                                        "2026-11-24T00:05:00.1234567890Z",
                                        "2026-11-24T00:05:00ZZ",
                                        "2026-11-24T00:05:00Z ",
                                        " 2026-11-24",
                                        "2026-11-24T00:05:00+1:00",
                                        "2026-11-24T00:05:00+24:00",
                                        "2026-11-24T00:05:00+01:60",
                                        "+2026-11-24",
                                        "-026-11-24",
                                        "2026-1a-24",
                                        "26-11-24",
                                        "2026/11/24",
                                        "2026-11-24T00:05:00,5Z",
                                        "1764000000"}) {
        EXPECT_FALSE(parse_rfc3339(text)) << text;
    }
    EXPECT_EQ(parse_rfc3339("yesterday\n").error().what,
              "not a time such as 2026-11-24T00:05:00Z: 'yesterday\\x0a'");
}

// Found by the fuzzer: such a time could be read, and was written with another year.
TEST(Rfc3339, RefusesTimesThatAnOffsetLeadsOutOfTheYearsThatCanBeWritten) {
    EXPECT_FALSE(parse_rfc3339("9999-12-31T23:59:59-00:01"));
    EXPECT_FALSE(parse_rfc3339("9999-12-31T23:59:60Z"));
    EXPECT_FALSE(parse_rfc3339("0001-01-01T00:00:00+00:01"));
    EXPECT_FALSE(parse_rfc3339("0000-12-31"));  // no year of PostgreSQL's
    EXPECT_TRUE(parse_rfc3339("0001-01-01T00:00:00-00:01"));
}

RC_GTEST_PROP(Rfc3339Property, ReadingWhatWasWrittenGivesTheSameInstant, ()) {
    const Timestamp given = *instants();
    const auto read = parse_rfc3339(format_rfc3339(given));
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == given);
}

RC_GTEST_PROP(Rfc3339Property, TheDateIsThatOfTheCLibrary, ()) {
    const Timestamp given = *instants();
    const std::time_t seconds = floor<std::chrono::seconds>(given).time_since_epoch().count();
    std::tm parts{};
    RC_ASSERT(gmtime_r(&seconds, &parts) != nullptr);
    const std::string text =
        fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                    parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
    RC_ASSERT(format_rfc3339(given).substr(0, 19) == text);
}

RC_GTEST_PROP(Rfc3339Property, AnOffsetMovesTheInstantTheOtherWay, ()) {
    const Timestamp given = floor<minutes>(Timestamp(sys_days(year(2026) / 11 / 24)));
    const int offset = *rc::gen::inRange(-23 * 60 - 59, 24 * 60);
    std::string text = format_rfc3339(given + minutes(offset));
    text.pop_back();
    text += fmt::format("{}{:02}:{:02}", offset < 0 ? '-' : '+', std::abs(offset) / 60,
                        std::abs(offset) % 60);
    RC_ASSERT(*parse_rfc3339(text) == given);
}

TEST(Duration, IsASumOfNumbersWithUnits) {
    EXPECT_EQ(*parse_duration("10s"), 10s);
    EXPECT_EQ(*parse_duration("5m"), 5min);
    EXPECT_EQ(*parse_duration("1h30m"), 90min);
    EXPECT_EQ(*parse_duration("250ms"), 250ms);
    EXPECT_EQ(*parse_duration("2d"), 48h);
    EXPECT_EQ(*parse_duration("0"), 0ms);
    EXPECT_EQ(*parse_duration("0s"), 0ms);
}

TEST(Duration, RefusesWhatIsNoDuration) {
    for (const std::string_view text :
         {"", "10", "s", "-1s", "1.5s", "1 s", "1S", "1y", "1s ", "10s5", "99999999999999999999s",
          "1000000000000d", "1000000000000h1000000000000h", "00"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

// Found in review: the sum of many parts overflowed.
TEST(Duration, RefusesASumThatIsTooLarge) {
    std::string text;
    for (int i = 0; i < 200; ++i) text += "1000000000d";
    EXPECT_FALSE(parse_duration(text));
}

TEST(Duration, IsWrittenInItsLargestUnits) {
    EXPECT_EQ(format_duration(90s), "1m30s");
    EXPECT_EQ(format_duration(0ms), "0s");
    EXPECT_EQ(format_duration(26h + 1ms), "1d2h1ms");
}

RC_GTEST_PROP(DurationProperty, ReadingWhatWasWrittenGivesTheSameDuration, ()) {
    const milliseconds given(*rc::gen::inRange<std::int64_t>(0, 86'400'000'000'000));
    RC_ASSERT(*parse_duration(format_duration(given)) == given);
}

}  // namespace
}  // namespace tapedeck
