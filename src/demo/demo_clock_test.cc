#include "demo/demo_clock.h"

#include <gtest/gtest.h>

#include "demo/demo_sources.h"
#include "demo/demo_testing.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

std::string start(std::optional<std::string_view> kept, std::string_view wall) {
    const auto last = kept ? std::optional(at(*kept)) : std::nullopt;
    return format_rfc3339(demo_start(last, at(wall), stock_calendar()));
}

TEST(DemoStart, IsNowWithinASession) {
    EXPECT_EQ(start({}, "2026-11-24T15:12:13.5Z"), "2026-11-24T15:12:13.5Z");
}

TEST(DemoStart, IsWellIntoTheLatestSessionAtNightAtWeekendsAndOnHolidays) {
    EXPECT_EQ(start({}, "2026-11-24T04:00:00Z"), "2026-11-23T15:30:00Z");
    EXPECT_EQ(start({}, "2026-11-22T15:00:00Z"), "2026-11-20T15:30:00Z");
    EXPECT_EQ(start({}, "2026-11-26T15:00:00Z"), "2026-11-25T15:30:00Z");
    EXPECT_EQ(start({}, "2026-11-24T20:45:00Z"), "2026-11-24T15:30:00Z");  // too near the close
    EXPECT_EQ(start({}, "2026-07-07T01:00:00Z"), "2026-07-06T14:30:00Z");  // summer time
}

TEST(DemoStart, GoesOnWhereItStoppedAndNeverBack) {
    EXPECT_EQ(start("2026-11-24T15:30:00.4Z", "2026-11-24T04:00:00Z"), "2026-11-24T15:30:01Z");
    EXPECT_EQ(start("2026-11-24T15:30:00Z", "2027-01-05T15:00:00Z"), "2026-11-24T15:30:01Z");
}

TEST(DemoStart, GoesOnInTheNextSessionAfterAClose) {
    EXPECT_EQ(start("2026-11-24T20:59:30Z", "2026-11-24T04:00:00Z"), "2026-11-25T15:30:00Z");
    EXPECT_EQ(start("2026-11-25T22:00:00Z", "2026-11-24T04:00:00Z"), "2026-11-27T15:30:00Z");
}

TEST(DemoStart, NeverGoesBackFromAnySecondOfAWeek) {
    const Calendar calendar = stock_calendar();
    for (auto kept = at("2026-11-23T00:00:00Z"); kept < at("2026-11-30T00:00:00Z"); kept += 617s) {
        const Timestamp next = demo_start(kept, at("2026-11-24T04:00:00Z"), calendar);
        EXPECT_GT(next, kept);
        EXPECT_TRUE(calendar.is_open(next)) << format_rfc3339(next);
    }
}

TEST(DemoUrl, PutsTheSitesHostFirstInThePath) {
    EXPECT_EQ(demo_url("http://127.0.0.1:8123", "https://coinmarketcap.com/currencies/{symbol}/"),
              "http://127.0.0.1:8123/coinmarketcap.com/currencies/{symbol}/");
    EXPECT_EQ(demo_url("http://127.0.0.1:8123/", "https://fc.yahoo.com"),
              "http://127.0.0.1:8123/fc.yahoo.com");
    EXPECT_EQ(demo_url("http://h", "https://a.b?x={symbols}"), "http://h/a.b?x={symbols}");
}

TEST(DemoUrl, OrGivesEachSiteAHostOfItsOwn) {
    EXPECT_EQ(
        demo_site_url(8123, "https://query1.finance.yahoo.com/v7/finance/quote?symbols={symbols}"),
        "http://query1.finance.yahoo.com.localhost:8123/v7/finance/quote?symbols={symbols}");
    EXPECT_EQ(demo_site_url(80, "https://fc.yahoo.com/"), "http://fc.yahoo.com.localhost:80/");
}

}  // namespace
}  // namespace tapedeck
