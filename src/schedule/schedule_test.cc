#include "schedule/schedule.h"

#include <date/tz.h>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <set>

namespace tapedeck {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;

Timestamp instant(std::string_view text) {
    const Result<Timestamp> time = parse_rfc3339(text);
    EXPECT_TRUE(time) << text;
    return time ? *time : Timestamp();
}

Schedule schedule(std::string_view cron, std::string_view zone = "UTC",
                  std::string_view calendar = "always") {
    Result<Schedule> made = Schedule::make(
        {.cron = std::string(cron), .zone = std::string(zone), .calendar = std::string(calendar)});
    if (!made) ADD_FAILURE() << made.error().what;
    TAPEDECK_ASSERT(made.has_value());
    return *std::move(made);
}

std::vector<std::string> instants(const Schedule& schedule, std::string_view from,
                                  std::string_view to) {
    std::vector<std::string> texts;
    schedule.for_each_instant(instant(from), instant(to), [&](Timestamp instant, bool open) {
        texts.push_back(format_rfc3339(instant) + (open ? "" : " closed"));
    });
    return texts;
}

TEST(Schedule, FromIsIncludedAndToIsNot) {
    EXPECT_THAT(instants(schedule("*/5 * * * *"), "2026-11-24T00:00:00Z", "2026-11-24T00:10:00Z"),
                ElementsAre("2026-11-24T00:00:00Z", "2026-11-24T00:05:00Z"));
    EXPECT_THAT(instants(schedule("*/5 * * * *"), "2026-11-24T00:00:00.000001Z",
                         "2026-11-24T00:10:00.000001Z"),
                ElementsAre("2026-11-24T00:05:00Z", "2026-11-24T00:10:00Z"));
    EXPECT_THAT(instants(schedule("*/5 * * * *"), "2026-11-24T00:10:00Z", "2026-11-24T00:00:00Z"),
                ElementsAre());
}

TEST(Schedule, LastIsTheInstantItselfOrTheOneBefore) {
    const Schedule yearly = schedule("0 0 1 1 *");
    EXPECT_EQ(yearly.last(instant("2026-11-24T00:00:00Z")), instant("2026-01-01T00:00:00Z"));
    EXPECT_EQ(yearly.last(instant("2026-01-01T00:00:00Z")), instant("2026-01-01T00:00:00Z"));
    EXPECT_EQ(schedule("*/5 * * * *").last(instant("2026-11-24T00:04:59Z")),
              instant("2026-11-24T00:00:00Z"));
    EXPECT_EQ(schedule("@once").last(instant("2026-11-24T00:00:00Z")), std::nullopt);
}

TEST(Schedule, OfInstantsHasTheseAlone) {
    const Schedule two =
        Schedule::of_instants({instant("2026-11-24T00:05:00Z"), instant("2026-11-24T00:05:01Z")});
    EXPECT_THAT(instants(two, "2026-11-24T00:05:00Z", "2026-11-25T00:00:00Z"),
                ElementsAre("2026-11-24T00:05:00Z", "2026-11-24T00:05:01Z"));
    EXPECT_THAT(instants(two, "2026-11-24T00:05:00.5Z", "2026-11-24T00:05:01Z"), ElementsAre());
    EXPECT_EQ(two.next_open(instant("2026-11-24T00:05:00Z")), instant("2026-11-24T00:05:01Z"));
    EXPECT_EQ(two.next(instant("2026-11-24T00:05:01Z")), std::nullopt);
}

TEST(Schedule, EveryHourFollowsRealTimeThroughTheChangesOfTheClock) {
    // New York, 2026-03-08: 02:00 to 03:00 is left out; 2026-11-01: 01:00 to 02:00 comes twice.
    EXPECT_THAT(instants(schedule("30 * * * *", "America/New_York"), "2026-03-08T05:00:00Z",
                         "2026-03-08T09:00:00Z"),
                ElementsAre("2026-03-08T05:30:00Z", "2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z",
                            "2026-03-08T08:30:00Z"));
    EXPECT_THAT(instants(schedule("30 * * * *", "America/New_York"), "2026-11-01T04:00:00Z",
                         "2026-11-01T08:00:00Z"),
                ElementsAre("2026-11-01T04:30:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z",
                            "2026-11-01T07:30:00Z"));
}

TEST(Schedule, ALocalTimeThatOccursTwiceFiresAtItsFirst) {
    EXPECT_THAT(
        instants(schedule("30 1 * * *", "America/New_York"), "2026-10-31T00:00:00Z",
                 "2026-11-03T00:00:00Z"),
        ElementsAre("2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"));
    // Asked from between the two occurrences, the second is none either.
    EXPECT_THAT(instants(schedule("30 1 * * *", "America/New_York"), "2026-11-01T05:31:00Z",
                         "2026-11-02T00:00:00Z"),
                ElementsAre());
    EXPECT_THAT(instants(schedule("30 1 * * *", "America/New_York"), "2026-11-01T06:30:00Z",
                         "2026-11-02T00:00:00Z"),
                ElementsAre());
}

TEST(Schedule, ALocalTimeThatDoesNotExistFiresAtTheFirstInstantAfterTheGap) {
    EXPECT_THAT(
        instants(schedule("30 2 * * *", "America/New_York"), "2026-03-07T00:00:00Z",
                 "2026-03-10T00:00:00Z"),
        ElementsAre("2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"));
}

TEST(Schedule, TheInstantAfterAGapFiresOnceHoweverManyTimesMeetThere) {
    EXPECT_THAT(
        instants(schedule("*/20 2,3 * * *", "America/New_York"), "2026-03-08T00:00:00Z",
                 "2026-03-09T00:00:00Z"),
        ElementsAre("2026-03-08T07:00:00Z", "2026-03-08T07:20:00Z", "2026-03-08T07:40:00Z"));
}

TEST(Schedule, ADayThatAZoneLeftOutFiresAtTheStartOfTheNext) {
    // Samoa went from 2011-12-29 to 2011-12-31.
    EXPECT_THAT(instants(schedule("0 12 30 12 *", "Pacific/Apia"), "2011-12-01T00:00:00Z",
                         "2012-01-10T00:00:00Z"),
                ElementsAre("2011-12-30T10:00:00Z"));
}

TEST(Schedule, TheCalendarKeepsOpenAndCloseThemselves) {
    const auto day = instants(schedule("*/30 9-16 * * MON-FRI", "America/New_York", "XNAS"),
                              "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z");
    ASSERT_EQ(day.size(), 16U);
    EXPECT_EQ(day[0], "2026-11-24T14:00:00Z closed");
    EXPECT_EQ(day[1], "2026-11-24T14:30:00Z");
    EXPECT_EQ(day[14], "2026-11-24T21:00:00Z");
    EXPECT_EQ(day[15], "2026-11-24T21:30:00Z closed");
}

TEST(Schedule, AnEarlyCloseAndAHolidayAreClosed) {
    const Schedule stocks = schedule("0 10,13,14 * * *", "America/New_York", "XNAS");
    EXPECT_THAT(instants(stocks, "2026-11-26T00:00:00Z", "2026-11-28T00:00:00Z"),
                ElementsAre("2026-11-26T15:00:00Z closed", "2026-11-26T18:00:00Z closed",
                            "2026-11-26T19:00:00Z closed", "2026-11-27T15:00:00Z",
                            "2026-11-27T18:00:00Z", "2026-11-27T19:00:00Z closed"));
}

TEST(Schedule, TheSessionMovesInUtcWithDaylightSaving) {
    const Schedule stocks = schedule("*/5 9-16 * * MON-FRI", "America/New_York", "XNAS");
    EXPECT_EQ(stocks.next_open(instant("2026-10-30T00:00:00Z")), instant("2026-10-30T13:30:00Z"));
    EXPECT_EQ(stocks.next_open(instant("2026-11-02T00:00:00Z")), instant("2026-11-02T14:30:00Z"));
    EXPECT_EQ(open_instants(stocks, instant("2026-11-02"), instant("2026-11-03"))->size(), 79U);
}

TEST(Schedule, NextIsAfterTheInstantItself) {
    EXPECT_EQ(schedule("*/5 * * * *").next(instant("2026-11-24T00:05:00Z")),
              instant("2026-11-24T00:10:00Z"));
    EXPECT_EQ(schedule("*/5 * * * *").next(instant("2026-11-24T00:04:59.999999Z")),
              instant("2026-11-24T00:05:00Z"));
}

TEST(Schedule, OnceIsTheFirstSecondOfItsStart) {
    const auto once = Schedule::make({.cron = "@once", .start = instant("2026-11-24T00:00:01.5Z")});
    ASSERT_TRUE(once);
    EXPECT_EQ(once->next(instant("2026-11-24")), instant("2026-11-24T00:00:02Z"));
    EXPECT_EQ(once->next(instant("2026-11-24T00:00:02Z")), std::nullopt);
    EXPECT_EQ(open_instants(*once, instant("2020-01-01"), instant("2030-01-01"))->size(), 1U);
    EXPECT_TRUE(
        open_instants(schedule("@once"), instant("2020-01-01"), instant("2030-01-01"))->empty());
}

TEST(Schedule, OnceTakesNoExchangeCalendar) {
    EXPECT_FALSE(Schedule::make({.cron = "@once", .calendar = "XNAS"}));
}

TEST(Schedule, TheIntervalIsTheDistanceToTheNearestNeighbour) {
    const Schedule original = schedule("*/5 14-21 * * 1-5");
    EXPECT_EQ(original.interval_at(instant("2026-11-24T15:00:00Z")), minutes(5));
    // The last of the day and the first: their other neighbour is 16 hours away.
    EXPECT_EQ(original.interval_at(instant("2026-11-24T21:55:00Z")), minutes(5));
    EXPECT_EQ(original.interval_at(instant("2026-11-24T14:00:00Z")), minutes(5));
    EXPECT_EQ(schedule("@daily").interval_at(instant("2026-11-24")), hours(24));
    EXPECT_EQ(schedule("0,20 6 * * *").grace_at(instant("2026-11-24T06:20:00Z")), minutes(10));
}

TEST(Schedule, ErrorsNameWhatIsAtFault) {
    const auto what = [](const ScheduleSpec& spec) {
        const auto made = Schedule::make(spec);
        return made ? std::string("made") : made.error().what;
    };
    EXPECT_EQ(what({.cron = "61 * * * *"}), "cron '61 * * * *': minute '61' is out of range 0-59");
    EXPECT_THAT(what({.cron = "* * * * *", .zone = "Europe/Atlantis"}),
                testing::HasSubstr("unknown time zone 'Europe/Atlantis'"));
    EXPECT_EQ(what({.cron = "* * * * *", .calendar = "XNSA"}),
              "unknown calendar 'XNSA'; known: always, XETR, XHKG, XLON, XNAS, XNYS, XPAR, XTKS");
}

TEST(Schedule, TooManyInstantsAreRefused) {
    const auto refused =
        open_instants(schedule("* * * * *"), instant("2000-01-01"), instant("2100-01-01"));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().what, testing::HasSubstr("more than 10000000 instants"));
    EXPECT_FALSE(
        open_instants(schedule("* * * * *"), instant("2001-01-01"), instant("2000-01-01")));
}

TEST(Schedule, TheOriginalsHoursInUtcStillWork) {
    const auto day = open_instants(schedule("*/5 14-21 * * 1-5"), instant("2026-11-20"),
                                   instant("2026-11-24"));  // Friday to Monday
    ASSERT_TRUE(day);
    EXPECT_EQ(day->size(), 2U * 96U);
}

// What the text of DESIGN says, minute by minute over real time, by the zone library alone.
std::vector<Timestamp> brute_force(const Schedule& schedule, const date::time_zone& zone,
                                   Timestamp from, Timestamp to) {
    const auto local = [&](Timestamp time) {
        const auto shown = zone.to_local(date::floor<seconds>(date::sys_time<microseconds>(time)));
        return LocalTime(shown.time_since_epoch());
    };
    const Cron& cron = schedule.cron();
    std::set<LocalTime> seen;
    std::vector<Timestamp> found;
    const Timestamp first = std::chrono::floor<minutes>(from - hours(50));
    for (Timestamp time = first; time < to; time += minutes(1)) {
        const LocalTime now = local(time);
        const bool again = !seen.insert(now).second;
        bool fires = cron.matches(now) && (cron.every_hour() || !again);
        if (!cron.every_hour() && time > first) {
            for (auto lost = local(time - minutes(1)) + minutes(1); lost < now;
                 lost += minutes(1)) {
                fires = fires || cron.matches(lost);
            }
        }
        if (fires && time >= from) found.push_back(time);
    }
    return found;
}

rc::Gen<std::string> field(int low, int high) {
    return rc::gen::exec([low, high] {
        const int a = *rc::gen::inRange(low, high + 1);
        const int b = *rc::gen::inRange(low, high + 1);
        const int step = *rc::gen::inRange(1, high);
        switch (*rc::gen::inRange(0, 6)) {
            case 0:
                return std::string("*");
            case 1:
                return fmt::format("*/{}", step);
            case 2:
                return fmt::format("{}-{}", std::min(a, b), std::max(a, b));
            case 3:
                return fmt::format("{},{}", a, b);
            default:
                return fmt::format("{}", a);
        }
    });
}

RC_GTEST_PROP(Schedule, AgreesWithCountingMinutesWhereClocksChange, ()) {
    const std::string zone_name = *rc::gen::element<std::string>(
        "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns",
        "Pacific/Apia", "Africa/Casablanca", "America/Sao_Paulo", "America/Havana",
        "Antarctica/Troll", "Asia/Kathmandu", "Africa/Cairo", "Europe/Dublin", "Pacific/Kwajalein");
    const std::string minute = *field(0, 59);
    const std::string hour = *rc::gen::oneOf(field(0, 23), field(0, 3));
    const std::string weekday = *rc::gen::oneOf(rc::gen::just(std::string("*")), field(0, 6));
    const Schedule made = schedule(fmt::format("{} {} * * {}", minute, hour, weekday), zone_name);
    const date::time_zone* zone = date::locate_zone(zone_name);
    // A moment near one at which the clocks changed.
    const auto some = date::sys_seconds(seconds(*rc::gen::inRange(330'000'000, 2'100'000'000)));
    const Timestamp seam(zone->get_info(some).begin.time_since_epoch());
    RC_PRE(seam >
           instant("1975-01-01"));  // before, offsets had seconds, which minutes cannot count
    const Timestamp from = seam + minutes(*rc::gen::inRange(-1600, 120)) +
                           microseconds(*rc::gen::element(-1, 0, 1, 30'000'000));
    const Timestamp to = from + minutes(*rc::gen::inRange(1, 3000));
    const auto found = open_instants(made, from, to);
    RC_ASSERT(found.has_value());
    RC_ASSERT(*found == brute_force(made, *zone, from, to));
}

RC_GTEST_PROP(Schedule, NextGoesThroughTheSameInstants, ()) {
    const Schedule made =
        schedule(fmt::format("{} {} * * *", *field(0, 59), *field(0, 23)), "Europe/Berlin");
    const Timestamp from = instant("2026-03-28") + minutes(*rc::gen::inRange(0, 400'000));
    const auto expected = open_instants(made, from, from + hours(60));
    Timestamp reached = from - microseconds(1);
    for (const Timestamp instant : *expected) {
        RC_ASSERT(made.next(reached) == instant);
        reached = instant;
    }
    RC_ASSERT(*made.next(reached) >= from + hours(60));
}

}  // namespace
}  // namespace tapedeck
