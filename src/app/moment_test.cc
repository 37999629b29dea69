#include "app/moment.h"

#include <gmock/gmock.h>

namespace tapedeck {
namespace {

using ::testing::HasSubstr;

const Timestamp kNow = *parse_rfc3339("2026-03-09T03:30:00Z");  // still the 8th in New York

std::string meant(std::string_view text, const Zone& zone = {}) {
    const auto moment = moment_named(text, kNow, zone);
    return moment ? format_rfc3339(*moment) : moment.error().what;
}

TEST(Moment, IsADayAClockOrBoth) {
    EXPECT_EQ(meant("2026-02-28"), "2026-02-28T00:00:00Z");
    EXPECT_EQ(meant("today"), "2026-03-09T00:00:00Z");
    EXPECT_EQ(meant("yesterday"), "2026-03-08T00:00:00Z");
    EXPECT_EQ(meant("14:05"), "2026-03-09T14:05:00Z");
    EXPECT_EQ(meant("14:05:59"), "2026-03-09T14:05:59Z");
    EXPECT_EQ(meant("yesterday 14:05"), "2026-03-08T14:05:00Z");
    EXPECT_EQ(meant("2024-02-29 00:00"), "2024-02-29T00:00:00Z");
}

TEST(Moment, IsSoLongBeforeNow) {
    EXPECT_EQ(meant("now"), "2026-03-09T03:30:00Z");
    EXPECT_EQ(meant("-90s"), "2026-03-09T03:28:30Z");
    EXPECT_EQ(meant("-30m"), "2026-03-09T03:00:00Z");
    EXPECT_EQ(meant("-1h"), "2026-03-09T02:30:00Z");
    EXPECT_EQ(meant("-2d"), "2026-03-07T03:30:00Z");
    EXPECT_EQ(meant("-1w"), "2026-03-02T03:30:00Z");
}

TEST(Moment, IsOfAZoneUnlessItNamesOne) {
    const auto zone = Zone::named("America/New_York");
    ASSERT_TRUE(zone) << zone.error().what;
    EXPECT_EQ(meant("today", *zone), "2026-03-08T05:00:00Z");  // the day its clocks went forward
    EXPECT_EQ(meant("01:30", *zone), "2026-03-08T06:30:00Z");
    EXPECT_EQ(meant("02:30", *zone),
              "2026-03-08T07:00:00Z");  // never shown: the first after the gap
    EXPECT_EQ(meant("03:30", *zone), "2026-03-08T07:30:00Z");
    EXPECT_EQ(meant("2026-03-08T01:00:00Z", *zone), "2026-03-08T01:00:00Z");
    EXPECT_EQ(meant("2026-03-08T01:00:00+01:00", *zone), "2026-03-08T00:00:00Z");
    const auto day = day_named("today", kNow, *zone);
    ASSERT_TRUE(day);
    EXPECT_EQ(day->end - day->begin, std::chrono::hours(23));
}

TEST(Moment, IsNothingElse) {
    for (const char* text : {"",
                             "tomorrow",
                             "24:00",
                             "14:60",
                             "1:05",
                             "14.05",
                             "14:05 ",
                             "2026-02-30",
                             "2026-13-01",
                             "2026-11-24 25:00",
                             "2026-11-24  14:05",
                             "-",
                             "-h",
                             "-1",
                             "-1y",
                             "--1h",
                             "-100001d",
                             "- 1h",
                             "1h",
                             "2026-11-24T14:05",
                             "yesterday14:05",
                             "now 14:05",
                             "-1h 14:05"}) {
        EXPECT_FALSE(moment_named(text, kNow, {})) << text;
    }
    EXPECT_THAT(meant("tomorrow"), HasSubstr("no moment: 'tomorrow'"));
    EXPECT_FALSE(day_named("2026-11-31", kNow, {}));
    EXPECT_FALSE(day_named("14:05", kNow, {}));
}

}  // namespace
}  // namespace tapedeck
