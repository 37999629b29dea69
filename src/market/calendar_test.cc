#include "market/calendar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

namespace tapedeck {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::year;
using std::chrono::year_month_day;
using testing::ElementsAre;
using testing::HasSubstr;

LocalDate date(int y, unsigned m, unsigned d) {
    return LocalDate(year(y) / std::chrono::month(m) / std::chrono::day(d));
}

Timestamp at(std::string_view text) {
    const Result<Timestamp> time = parse_rfc3339(text);
    EXPECT_TRUE(time) << text;
    return time ? *time : Timestamp();
}

// An exchange in New York with a lunch break that lists the year 2020.
CalendarData data() {
    CalendarData data;
    data.name = "TEST";
    data.zone = *Zone::named("America/New_York");
    data.weekdays = 0b0111110;
    data.hours = {{hours(9), hours(12)}, {hours(13), hours(16)}};
    data.listed_from = date(2020, 1, 1);
    data.listed_through = date(2020, 12, 31);
    return data;
}

Calendar made(CalendarData data) {
    Result<Calendar> calendar = Calendar::make(std::move(data));
    if (!calendar) ADD_FAILURE() << calendar.error().what;
    TAPEDECK_ASSERT(calendar.has_value());
    return *std::move(calendar);
}

// The days of `in` that the one rule closes.
std::vector<std::string> closed_by(const HolidayRule& rule, int in) {
    CalendarData with = data();
    with.rules = {rule};
    const Calendar calendar = made(std::move(with));
    std::vector<std::string> found;
    for (LocalDate day = date(in, 1, 1); day < date(in + 1, 1, 1); day += days(1)) {
        if (calendar.special_day_by_rule(day)) {
            found.push_back(format_rfc3339(Timestamp(day.time_since_epoch())).substr(0, 10));
        }
    }
    return found;
}

TEST(Calendar, AlwaysIsOpen) {
    const Calendar always = Calendar::always();
    EXPECT_TRUE(always.is_open(at("2026-12-25")));
    EXPECT_EQ(always.name(), "always");
    EXPECT_EQ(always.sessions(date(2026, 12, 25)).size(), 1U);
    EXPECT_FALSE(always.special_day(date(2026, 12, 25)));
}

TEST(Calendar, OpenAndCloseAreInTheSession) {
    const Calendar calendar = made(data());
    EXPECT_THAT(
        calendar.sessions(date(2020, 6, 1)),
        ElementsAre(Calendar::Session{at("2020-06-01T13:00:00Z"), at("2020-06-01T16:00:00Z")},
                    Calendar::Session{at("2020-06-01T17:00:00Z"), at("2020-06-01T20:00:00Z")}));
    EXPECT_TRUE(calendar.is_open(at("2020-06-01T13:00:00Z")));
    EXPECT_TRUE(calendar.is_open(at("2020-06-01T16:00:00Z")));
    EXPECT_FALSE(calendar.is_open(at("2020-06-01T12:59:59.999999Z")));
    EXPECT_FALSE(calendar.is_open(at("2020-06-01T16:00:00.000001Z")));
    EXPECT_FALSE(calendar.is_open(at("2020-06-01T20:00:00.000001Z")));
}

TEST(Calendar, AnEarlyCloseCutsTheLaterSessions) {
    CalendarData with = data();
    with.special = {{date(2020, 6, 1), hours(11), "Half day", "a notice"},
                    {date(2020, 6, 2), hours(14), "Short day", "a notice"}};
    const Calendar calendar = made(std::move(with));
    EXPECT_THAT(
        calendar.sessions(date(2020, 6, 1)),
        ElementsAre(Calendar::Session{at("2020-06-01T13:00:00Z"), at("2020-06-01T15:00:00Z")}));
    EXPECT_EQ(calendar.sessions(date(2020, 6, 2)).back().close, at("2020-06-02T18:00:00Z"));
}

TEST(Calendar, AClosedDayAndAWeekendHaveNoSession) {
    CalendarData with = data();
    with.special = {{date(2020, 6, 1), {}, "Holiday", "a notice"}};
    const Calendar calendar = made(std::move(with));
    EXPECT_THAT(calendar.sessions(date(2020, 6, 1)), ElementsAre());
    EXPECT_THAT(calendar.sessions(date(2020, 6, 6)), ElementsAre());
    EXPECT_EQ(calendar.special_day(date(2020, 6, 1))->name, "Holiday");
    EXPECT_FALSE(calendar.special_day(date(2020, 6, 6)));
}

TEST(Calendar, ListedYearsDoNotFollowTheRules) {
    CalendarData with = data();
    with.rules = {HolidayRule{.name = "Founding day", .month = 6, .day = 1}};
    const Calendar calendar = made(std::move(with));
    EXPECT_EQ(calendar.sessions(date(2020, 6, 1)).size(), 2U);
    EXPECT_EQ(calendar.sessions(date(2021, 6, 1)).size(), 0U);
    EXPECT_EQ(calendar.special_day(date(2021, 6, 1))->name, "Founding day");
}

TEST(Calendar, AHolidayOnAWeekendIsMovedOrSkipped) {
    HolidayRule rule{.name = "Independence Day", .month = 7, .day = 4};
    EXPECT_THAT(closed_by(rule, 2026), ElementsAre("2026-07-04"));  // a Saturday
    rule.saturday = HolidayRule::OnSaturday::friday;
    rule.sunday = HolidayRule::OnSunday::monday;
    EXPECT_THAT(closed_by(rule, 2026), ElementsAre("2026-07-03"));
    EXPECT_THAT(closed_by(rule, 2027), ElementsAre("2027-07-05"));
    rule.saturday = HolidayRule::OnSaturday::skip;
    EXPECT_THAT(closed_by(rule, 2026), ElementsAre());
}

TEST(Calendar, ANewYearObservedOnFridayFallsIntoTheYearBefore) {
    HolidayRule rule{.name = "New Year's Day"};
    rule.saturday = HolidayRule::OnSaturday::friday;
    EXPECT_THAT(closed_by(rule, 2021), ElementsAre("2021-01-01", "2021-12-31"));
}

TEST(Calendar, RulesCountWeekdaysFromEitherEndOfTheMonth) {
    HolidayRule rule{.name = "x", .kind = HolidayRule::Kind::weekday, .month = 1, .weekday = 1};
    rule.nth = 3;
    EXPECT_THAT(closed_by(rule, 2027), ElementsAre("2027-01-18"));
    rule.month = 5;
    rule.nth = -1;
    EXPECT_THAT(closed_by(rule, 2027), ElementsAre("2027-05-31"));
    rule.since = 2028;
    EXPECT_THAT(closed_by(rule, 2027), ElementsAre());
}

TEST(Calendar, EasterIsWhereTheChurchHasIt) {
    // The earliest and the latest of these centuries, and dates announced by exchanges.
    EXPECT_EQ(easter_sunday(year(1818)), year(1818) / 3 / 22);
    EXPECT_EQ(easter_sunday(year(1943)), year(1943) / 4 / 25);
    EXPECT_EQ(easter_sunday(year(2026)), year(2026) / 4 / 5);
    EXPECT_EQ(easter_sunday(year(2027)), year(2027) / 3 / 28);
    EXPECT_EQ(easter_sunday(year(2038)), year(2038) / 4 / 25);
}

TEST(Calendar, ALateOpenCutsTheSessionsBeforeIt) {
    CalendarData with = data();
    const SpecialDay late{date(2020, 6, 1), {}, "Typhoon", "a notice", minutes(10 * 60 + 30)};
    const SpecialDay both{date(2020, 6, 2), hours(15), "Storm", "a notice", hours(14)};
    const std::vector<Calendar::Session> usual = made(data()).sessions(date(2020, 6, 1));
    with.special = {late, both};
    const Calendar calendar = made(std::move(with));
    std::vector<Calendar::Session> cut = usual;
    cut.front().open += hours(1) + minutes(30);
    EXPECT_EQ(calendar.sessions(date(2020, 6, 1)), cut);
    EXPECT_EQ(calendar.sessions(date(2020, 6, 2)).size(), 1U);
    EXPECT_EQ(
        calendar.sessions(date(2020, 6, 2))[0].close - calendar.sessions(date(2020, 6, 2))[0].open,
        hours(1));
    HolidayRule rule{.name = "Late", .month = 6, .day = 1, .open = hours(10)};
    CalendarData by_rule = data();
    by_rule.rules = {rule};
    EXPECT_EQ(made(by_rule).sessions(date(2021, 6, 1)).front().open,
              made(data()).sessions(date(2021, 6, 1)).front().open + hours(1));
    rule.close = hours(12);
    by_rule.rules.push_back(rule);
    EXPECT_EQ(made(by_rule).sessions(date(2021, 6, 1)).size(), 1U) << "the earlier close wins";
    by_rule.rules.push_back(HolidayRule{.name = "Closed", .month = 6, .day = 1});
    EXPECT_EQ(made(by_rule).sessions(date(2021, 6, 1)).size(), 0U);
}

TEST(Calendar, HoursHoldFromTheirDateOn) {
    CalendarData with = data();
    with.changes = {{date(2020, 7, 1), {{hours(8), hours(20)}}},
                    {date(2020, 6, 2), {{hours(10), hours(11)}}}};
    const Calendar calendar = made(std::move(with));
    const auto length = [&](LocalDate day) {
        const auto sessions = calendar.sessions(day);
        return sessions.back().close - sessions.front().open;
    };
    EXPECT_EQ(length(date(2020, 6, 1)), hours(7));
    EXPECT_EQ(length(date(2020, 6, 2)), hours(1));
    EXPECT_EQ(length(date(2020, 6, 30)), hours(1));
    EXPECT_EQ(length(date(2020, 7, 1)), hours(12));
}

TEST(Calendar, ContradictionsAreRefused) {
    const auto refusal = [](CalendarData data) {
        const Result<Calendar> calendar = Calendar::make(std::move(data));
        return calendar ? std::string("made") : calendar.error().what;
    };
    CalendarData twice = data();
    twice.special = {{date(2020, 6, 1), {}, "A", "s"}, {date(2020, 6, 1), {}, "B", "s"}};
    EXPECT_THAT(refusal(twice), HasSubstr("2020-06-01 (B) is listed twice"));
    CalendarData outside = data();
    outside.special = {{date(2021, 6, 1), {}, "A", "s"}};
    EXPECT_THAT(refusal(outside), HasSubstr("lies outside listed_from and listed_through"));
    CalendarData weekend = data();
    weekend.special = {{date(2020, 6, 6), {}, "A", "s"}};
    EXPECT_THAT(refusal(weekend), HasSubstr("is no day of trading anyway"));
    CalendarData late = data();
    late.special = {{date(2020, 6, 1), hours(16), "A", "s"}};
    EXPECT_THAT(refusal(late), HasSubstr("outside the ordinary hours"));
    CalendarData before = data();
    before.special = {{date(2020, 6, 1), {}, "A", "s", hours(8)}};
    EXPECT_THAT(refusal(before), HasSubstr("opens late at a time outside the ordinary hours"));
    CalendarData backwards = data();
    backwards.special = {{date(2020, 6, 1), hours(14), "A", "s", hours(15)}};
    EXPECT_THAT(refusal(backwards), HasSubstr("closes before it opens"));
    CalendarData changed = data();
    changed.changes = {{date(2020, 6, 1), {{hours(9), hours(8)}}}};
    EXPECT_THAT(refusal(changed), HasSubstr("hours must be in order"));
    changed.changes = {{date(2020, 6, 1), data().hours}, {date(2020, 6, 1), data().hours}};
    EXPECT_THAT(refusal(changed), HasSubstr("the hours change twice on 2020-06-01"));
    CalendarData overlapping = data();
    overlapping.hours = {{hours(9), hours(12)}, {hours(11), hours(16)}};
    EXPECT_THAT(refusal(overlapping), HasSubstr("hours must be in order"));
    CalendarData never = data();
    never.hours.clear();
    EXPECT_THAT(refusal(never), HasSubstr("never opens"));
}

RC_GTEST_PROP(Calendar, AWalkAnswersAsTheSessionsDo, ()) {
    CalendarData with = data();
    with.special = {{date(2020, 6, 1), {}, "A", "s"}, {date(2020, 6, 2), hours(10), "B", "s"}};
    const Calendar calendar = made(std::move(with));
    CalendarWalk walk(calendar);
    for (int i = 0; i < 50; ++i) {
        const Timestamp time =
            at("2020-05-25") + std::chrono::seconds(*rc::gen::inRange(0, 20 * 86'400));
        bool open = false;
        for (LocalDate day = date(2020, 5, 24); day < date(2020, 6, 20); day += days(1)) {
            for (const Calendar::Session& session : calendar.sessions(day)) {
                open = open || (session.open <= time && time <= session.close);
            }
        }
        RC_ASSERT(walk.is_open(time) == open);
    }
}

TEST(Zone, AnUnknownNameIsRefused) {
    EXPECT_FALSE(Zone::named("Mars/Olympus"));
    EXPECT_FALSE(Zone::named(""));
    EXPECT_FALSE(Zone::named("../../etc/passwd"));
    EXPECT_TRUE(Zone::named("UTC"));
    EXPECT_TRUE(Zone::named("Asia/Kathmandu"));
}

TEST(Zone, ALocalTimeThatOccursTwiceIsTheFirst) {
    const Zone zone = *Zone::named("America/New_York");
    EXPECT_EQ(zone.to_utc(date(2026, 11, 1) + minutes(90)), at("2026-11-01T05:30:00Z"));
}

TEST(Zone, ALocalTimeThatDoesNotExistIsTheEndOfItsGap) {
    const Zone zone = *Zone::named("America/New_York");
    EXPECT_EQ(zone.to_utc(date(2026, 3, 8) + minutes(150)), at("2026-03-08T07:00:00Z"));
}

TEST(Zone, SpansMeetWithoutHoles) {
    const Zone zone = *Zone::named("Europe/Berlin");
    const Zone::Span span = zone.span_at(at("2026-07-01"));
    EXPECT_EQ(span.begin, at("2026-03-29T01:00:00Z"));
    EXPECT_EQ(span.end, at("2026-10-25T01:00:00Z"));
    EXPECT_EQ(span.offset, hours(2));
    EXPECT_EQ(zone.span_at(span.end).begin, span.end);
    EXPECT_EQ(zone.span_at(span.end - microseconds(1)).begin, span.begin);
}

}  // namespace
}  // namespace tapedeck
