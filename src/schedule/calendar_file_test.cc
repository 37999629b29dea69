#include "schedule/calendar_file.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <set>

namespace tapedeck {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LocalDate date(int y, unsigned m, unsigned d) {
    return LocalDate(std::chrono::year(y) / std::chrono::month(m) / std::chrono::day(d));
}

constexpr std::string_view kHead =
    "[calendar]\n"
    "name = \"TEST\"\n"
    "zone = \"Asia/Tokyo\"\n"
    "hours = [[\"09:00\", \"11:30\"], [\"12:30\", \"15:30\"]]\n"
    "listed_from = 2026-01-01\n"
    "listed_through = 2026-12-31\n";

std::string refusal(std::string_view more, std::string_view head = kHead) {
    const auto calendar = parse_calendar("t.toml", fmt::format("{}{}", head, more));
    EXPECT_FALSE(calendar) << more;
    return calendar ? "" : calendar.error().what;
}

Calendar shipped(std::string_view name) {
    Result<Calendar> calendar = calendar_named(name);
    if (!calendar) ADD_FAILURE() << calendar.error().what;
    TAPEDECK_ASSERT(calendar.has_value());
    return *std::move(calendar);
}

TEST(CalendarFile, ReadsHoursDaysAndRules) {
    const auto calendar = parse_calendar(
        "t.toml",
        fmt::format("{}{}", kHead,
                    "[sources]\nn = \"a notice of 2025-12-01\"\n"
                    "[days]\n"
                    "closed = [{date = 2026-01-01, name = \"New Year\", source = \"n\"}]\n"
                    "early = [{date = 2026-12-30, close = \"11:30\", name = \"Last day\", "
                    "source = \"n\"}]\n"
                    "[[rule]]\nname = \"New Year\"\nmonth = 1\nday = 1\n"));
    ASSERT_TRUE(calendar) << calendar.error().what;
    EXPECT_EQ(calendar->sessions(date(2026, 1, 1)).size(), 0U);
    EXPECT_EQ(calendar->sessions(date(2026, 1, 5)).size(), 2U);
    EXPECT_EQ(calendar->sessions(date(2026, 12, 30)).size(), 1U);
    EXPECT_EQ(calendar->sessions(date(2027, 1, 1)).size(), 0U);
    EXPECT_EQ(calendar->special_day(date(2026, 1, 1))->source, "a notice of 2025-12-01");
}

TEST(CalendarFile, ReadsLateOpensAndHoursThatChange) {
    const auto calendar = parse_calendar(
        "t.toml",
        fmt::format("{}{}", kHead,
                    "[[hours]]\nfrom = 2026-07-01\nhours = [[\"09:00\", \"15:30\"]]\n"
                    "[sources]\nn = \"a notice\"\n"
                    "[days]\nlate = [{date = 2026-01-05, open = \"10:15\", name = \"Storm\", "
                    "source = \"n\"}]\n"
                    "[[rule]]\nname = \"Last day\"\nmonth = 12\nday = 31\nopen = \"10:00\"\n"));
    ASSERT_TRUE(calendar) << calendar.error().what;
    EXPECT_EQ(format_rfc3339(calendar->sessions(date(2026, 1, 5))[0].open), "2026-01-05T01:15:00Z");
    EXPECT_EQ(calendar->sessions(date(2026, 1, 6)).size(), 2U);
    EXPECT_EQ(calendar->sessions(date(2026, 7, 1)).size(), 1U);
    EXPECT_EQ(format_rfc3339(calendar->sessions(date(2027, 12, 31))[0].open),
              "2027-12-31T01:00:00Z");
    EXPECT_THAT(refusal("[days]\nlate = [{date = 2026-01-05, name = \"x\", source = \"n\"}]\n"
                        "[sources]\nn = \"n\"\n"),
                HasSubstr("a late day needs its 'open'"));
    EXPECT_THAT(refusal("[[rule]]\nname = \"x\"\nmonth = 2\nday = 29\n"),
                HasSubstr("'day' must be a whole number from 1 to 28"));
    EXPECT_THAT(refusal("[[hours]]\nfrom = 2026-07-01\nhours = [[\"09:00\"]]\n"),
                HasSubstr("'hours' must hold pairs"));
}

TEST(CalendarFile, ATextOfOnesOwnIsReadAsAFileIs) {
    const auto own = calendar_of_text("TEST", kHead);
    ASSERT_TRUE(own) << own.error().what;
    EXPECT_EQ(own->data().zone.name(), "Asia/Tokyo");
    const auto like = calendar_of_text("MINE", "[calendar]\nname = \"MINE\"\nlike = \"XNAS\"\n");
    ASSERT_TRUE(like) << like.error().what;
    EXPECT_EQ(like->sessions(date(2026, 11, 26)).size(), 0U);
    EXPECT_THAT(calendar_of_text("OTHER", kHead).error().what,
                HasSubstr("calendar OTHER: is named 'TEST' inside"));
}

TEST(CalendarFile, ErrorsNameFileLineAndValue) {
    EXPECT_EQ(refusal("[days]\nclosd = []\n"),
              "t.toml:8: unknown key 'closd'; known: closed, early, late");
    EXPECT_THAT(
        refusal("[days]\nclosed = [{date = \"2026-01-01\", name = \"x\", source = \"s\"}]\n"),
        HasSubstr("t.toml:8: 'date' must be a date such as 2026-11-24, not"));
    EXPECT_THAT(refusal("[days]\nclosed = [{date = 2026-01-01, name = \"x\", source = \"s\"}]\n"),
                HasSubstr("source 's' is not in [sources]"));
    EXPECT_THAT(refusal("[days]\nclosed = [{date = 2026-01-01, name = \"x\"}]\n"),
                HasSubstr("'source' is missing"));
    EXPECT_THAT(refusal("[[rule]]\nname = \"x\"\nmonth = 1\n"),
                HasSubstr("needs one of 'day', 'weekday' and 'easter'"));
    EXPECT_THAT(refusal("[[rule]]\nname = \"x\"\nmonth = 1\nweekday = \"Monday\"\n"),
                HasSubstr("is no day of the week"));
    EXPECT_THAT(refusal("[[rule]]\nname = \"x\"\nday = 32\n"),
                HasSubstr("'day' must be a whole number from 1 to 31, not 32"));
    EXPECT_THAT(refusal("", "[calendar]\nname = \"x\"\nzone = \"Nowhere\"\n"),
                HasSubstr("unknown time zone 'Nowhere'"));
    EXPECT_THAT(refusal("", "[calendar]\nname = \"x\"\n"), HasSubstr("'zone' is missing"));
    EXPECT_THAT(refusal("hours = 5\n", ""), HasSubstr("'name' is missing"));
    EXPECT_THAT(refusal("x = \n"), HasSubstr("t.toml:7"));
}

TEST(CalendarFile, AUsersOwnFileWins) {
    const std::vector<ShippedFile> files{
        {"data/calendars/TEST.toml", "[calendar]\nname = \"TEST\"\nlike = \"NONE\"\n"},
        {"/home/somebody/calendars/TEST.toml", kHead},
        {"data/sources/OTHER.toml", kHead}};
    EXPECT_EQ(calendar_named("TEST", files)->data().zone.name(), "Asia/Tokyo");
    EXPECT_THAT(calendar_names(files), ElementsAre("always", "TEST"));
    EXPECT_THAT(calendar_named("OTHER", files).error().what,
                HasSubstr("unknown calendar 'OTHER'; known: always, TEST"));
    EXPECT_THAT(calendar_named("TEST", std::span(files).first(1)).error().what,
                HasSubstr("unknown calendar 'NONE'"));
}

TEST(CalendarFile, AFileMustBearItsCalendarsName) {
    const std::vector<ShippedFile> files{{"calendars/WRONG.toml", kHead}};
    EXPECT_THAT(calendar_named("WRONG", files).error().what, HasSubstr("is named 'TEST' inside"));
}

TEST(Xnas, ClosesForWhatNobodyForesaw) {
    const Calendar xnas = shipped("XNAS");
    for (const LocalDate day :
         {date(2012, 10, 29), date(2012, 10, 30), date(2018, 12, 5), date(2025, 1, 9)}) {
        EXPECT_TRUE(xnas.sessions(day).empty());
        EXPECT_FALSE(xnas.special_day_by_rule(day));
    }
    EXPECT_EQ(xnas.sessions(date(2012, 10, 31)).size(), 1U);
}

TEST(Xnas, ANewYearOnSaturdayIsNotObserved) {
    const Calendar xnas = shipped("XNAS");
    for (const int year : {2010, 2021, 2027, 2032}) {
        EXPECT_EQ(xnas.sessions(date(year, 12, 31)).size(), 1U) << year;
    }
}

TEST(Xnas, JuneteenthIsAHolidaySince2022) {
    const Calendar xnas = shipped("XNAS");
    EXPECT_EQ(xnas.sessions(date(2021, 6, 18)).size(), 1U);
    EXPECT_EQ(xnas.special_day(date(2022, 6, 20))->name, "Juneteenth National Independence Day");
    EXPECT_TRUE(xnas.sessions(date(2027, 6, 18)).empty());
}

TEST(Xnas, EveryListedDayHasNameAndSource) {
    const Calendar xnas = shipped("XNAS");
    EXPECT_LE(xnas.data().listed_from, date(2010, 1, 1));
    EXPECT_GE(xnas.data().listed_through, date(2027, 12, 31));
    for (const SpecialDay& day : xnas.data().special) {
        EXPECT_FALSE(day.name.empty());
        EXPECT_GT(day.source.size(), 20U) << day.name;
    }
}

// The rules would have foretold every listed day but those that nobody could.
TEST(Xnas, TheRulesForetellTheListedYears) {
    const Calendar xnas = shipped("XNAS");
    const std::set<LocalDate> unforeseen{date(2012, 10, 29), date(2012, 10, 30), date(2018, 12, 5),
                                         date(2025, 1, 9)};
    for (LocalDate day = date(2010, 1, 1); day <= xnas.data().listed_through;
         day += std::chrono::days(1)) {
        const unsigned weekday = std::chrono::weekday(day).c_encoding();
        if (weekday == 0 || weekday == 6 || unforeseen.contains(day)) continue;
        const auto listed = xnas.special_day(day);
        const auto foretold = xnas.special_day_by_rule(day);
        ASSERT_EQ(listed.has_value(), foretold.has_value()) << day.time_since_epoch().count();
        if (listed) {
            EXPECT_EQ(listed->close, foretold->close);
            EXPECT_EQ(listed->name, foretold->name);
        }
    }
}

TEST(Xnys, KeepsTheDaysOfXnas) {
    const Calendar xnys = shipped("XNYS");
    const Calendar xnas = shipped("XNAS");
    EXPECT_EQ(xnys.name(), "XNYS");
    for (LocalDate day = date(2024, 1, 1); day < date(2034, 1, 1); day += std::chrono::days(1)) {
        EXPECT_EQ(xnys.sessions(day), xnas.sessions(day));
    }
}

RC_GTEST_PROP(CalendarFile, AnyBytesAreReadOrRefused, (const std::string& text)) {
    RC_ASSERT(!parse_calendar("t.toml", text).has_value());
}

}  // namespace
}  // namespace tapedeck
