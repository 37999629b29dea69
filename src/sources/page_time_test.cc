#include "sources/page_time.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

std::string read(std::string_view text, TimeUnit unit = TimeUnit::automatic,
                 std::string_view zone = "") {
    std::optional<Zone> named;
    if (!zone.empty()) named = *Zone::named(zone);
    const auto time = parse_page_time(text, unit, named);
    return time ? format_rfc3339(*time) : "none";
}

TEST(PageTime, TellsTheUnitOfANumberByItsSize) {
    EXPECT_EQ(read("1700000000"), "2023-11-14T22:13:20Z");
    EXPECT_EQ(read("1700000000.9717445"), "2023-11-14T22:13:20.971744Z");
    EXPECT_EQ(read("1700000000123"), "2023-11-14T22:13:20.123Z");
    EXPECT_EQ(read("1700000000123456"), "2023-11-14T22:13:20.123456Z");
    EXPECT_EQ(read("1700000000123456789"), "2023-11-14T22:13:20.123456Z");
    EXPECT_EQ(read("60000", TimeUnit::milliseconds), "1970-01-01T00:01:00Z");
    EXPECT_EQ(read("900000000", TimeUnit::seconds), "1998-07-09T16:00:00Z");
}

// 20261130 is 1970-08-23 in seconds, and 20261130073000 the year 2612 in milliseconds.
TEST(PageTime, TakesNoDateOfDigitsAloneForANumber) {
    for (const std::string_view text :
         {"20261130", "202611300730", "20261130073000", "0", "-5", "1e30", "12345"}) {
        EXPECT_EQ(read(text), "none") << text;
    }
    EXPECT_EQ(read("-5", TimeUnit::seconds), "none");
    EXPECT_EQ(read("1e12", TimeUnit::seconds), "none");
}

TEST(PageTime, ReadsDatesThatNameTheirZone) {
    for (const std::string_view text :
         {"2026-11-30T05:00:00Z", "2026-11-30 05:00:00 UTC", "2026-11-30 05:00 GMT",
          "2026-11-30T05:00:00UTC", "2026-11-30T06:00:00+01:00", "2026-11-30T06:00:00+0100",
          "2026-11-30 06:00:00 +01", "2026-11-30T00:00:00-05:00", " 2026-11-30T05:00:00.000Z ",
          "Mon, 30 Nov 2026 05:00:00 GMT", "Mon, 30 Nov 2026 00:00:00 -0500",
          "Monday, 30-Nov-26 05:00:00 GMT", "30 November 2026 05:00 UTC"}) {
        EXPECT_EQ(read(text), "2026-11-30T05:00:00Z") << text;
        EXPECT_EQ(read(text, TimeUnit::automatic, "Asia/Tokyo"), "2026-11-30T05:00:00Z") << text;
    }
    EXPECT_EQ(read("Fri, 1 May 2026 05:00:00 GMT"), "2026-05-01T05:00:00Z");
    EXPECT_EQ(read("Sunday, 06-Nov-94 08:49:37 GMT"), "1994-11-06T08:49:37Z");
}

TEST(PageTime, ReadsATimeWithoutAZoneOnlyWhereTheRuleNamesOne) {
    for (const std::string_view text : {"2026-11-30 05:00:00", "2026-11-30T05:00:00",
                                        "Mon, 30 Nov 2026 05:00:00", "2026-11-30 05:00"}) {
        EXPECT_EQ(read(text), "none") << text;
        EXPECT_EQ(read(text, TimeUnit::automatic, "America/New_York"), "2026-11-30T10:00:00Z")
            << text;
    }
    EXPECT_EQ(read("2026-07-01 05:00:00.25", TimeUnit::automatic, "America/New_York"),
              "2026-07-01T09:00:00.25Z");
    EXPECT_EQ(read("2026-11-30"), "2026-11-30T00:00:00Z");
    EXPECT_EQ(read("2026-11-30", TimeUnit::automatic, "America/New_York"), "2026-11-30T05:00:00Z");
}

TEST(PageTime, RefusesWhatIsNone) {
    for (const std::string_view text :
         {"", "yesterday", "N/A", "2026-11-30 05:00:00 EST", "2026-13-30T05:00:00Z", "05:00:00 UTC",
          "Z", "UTC", "Mon, 30 Now 2026 05:00:00 GMT", "30 Nov 2026", "2026-11-30T05:00:00+25:00",
          "2026-11-30T05:00:00+1:00", "Mon, 30 Nov 2026 05:00:00 GMT GMT",
          "30/11/2026 05:00 UTC"}) {
        EXPECT_EQ(read(text), "none") << text;
    }
}

}  // namespace
}  // namespace tapedeck
