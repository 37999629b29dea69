#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "market/zone.h"

namespace tapedeck {

using LocalDate = std::chrono::local_days;

// Minutes after midnight on an exchange's clocks: 09:30 is 570.
using TimeOfDay = std::chrono::minutes;

// Days of the week as bits: bit 0 is Sunday, bit 6 Saturday.
using Weekdays = std::uint8_t;

// The trading hours of an ordinary day; a day may have several (a lunch break).
struct TradingHours {
    TimeOfDay open;
    TimeOfDay close;
    friend bool operator==(const TradingHours&, const TradingHours&) = default;
};

// Hours that hold from a date on.
struct HoursFrom {
    LocalDate from;
    std::vector<TradingHours> hours;  // in order, not overlapping
};

// One day on which an exchange departs from its ordinary hours.
struct SpecialDay {
    LocalDate date;
    std::optional<TimeOfDay> close = std::nullopt;  // an early close
    std::string name;                               // "Thanksgiving Day"
    std::string source;  // the notice or press release that says so, with its date
    std::optional<TimeOfDay> open = std::nullopt;  // a late open

    bool is_closed() const { return !open && !close; }  // all day
};

// A holiday that comes back every year; for the years that nobody has announced yet.
struct HolidayRule {
    enum class Kind { fixed, weekday, easter };
    enum class OnSaturday { stay, friday, skip };  // stay: it is a holiday on that Saturday itself
    enum class OnSunday { stay, monday, skip };

    std::string name;
    Kind kind = Kind::fixed;
    unsigned month = 1;    // fixed, weekday
    unsigned day = 1;      // fixed
    unsigned weekday = 0;  // weekday: 0 is Sunday
    int nth = 1;           // weekday: 1 to 4, or -1 for the month's last
    int offset = 0;        // days added to that date, or to Easter Sunday: Good Friday is -2
    OnSaturday saturday = OnSaturday::stay;
    OnSunday sunday = OnSunday::stay;
    Weekdays only = 0x7F;  // holds only where the date falls on one of these
    std::optional<TimeOfDay> close = std::nullopt;  // an early close
    std::optional<TimeOfDay> open = std::nullopt;   // a late open; neither: closed all day
    int since = std::numeric_limits<int>::min();
    int until = std::numeric_limits<int>::max();
};

// What makes a calendar; docs/formats/calendars.md has its text form.
struct CalendarData {
    std::string name;
    std::string title;
    Zone zone;
    Weekdays weekdays = 0;
    std::vector<TradingHours> hours;  // in order, not overlapping
    std::vector<HoursFrom> changes;   // of the hours, in the order of their dates
    // In [listed_from, listed_through] the special days are complete and rules do not count.
    LocalDate listed_from;
    LocalDate listed_through;
    std::vector<SpecialDay> special;
    std::vector<HolidayRule> rules;
};

// When an exchange trades. Immutable; safe from any thread.
class Calendar {
public:
    struct Session {
        Timestamp open;
        Timestamp close;  // included: the closing price is of this moment
        friend bool operator==(const Session&, const Session&) = default;
    };

    // Open at every moment.
    static Calendar always();

    // `rejected` where hours overlap, a date is listed twice, lies outside the listed years, or is
    // a day without trading anyway; the text names it.
    static Result<Calendar> make(CalendarData data);

    const std::string& name() const { return data_.name; }
    const CalendarData& data() const { return data_; }
    bool is_always() const { return always_; }

    // The sessions of `date` on the exchange's own clocks, in order; none when closed. `always`
    // has one, from midnight to the next midnight UTC.
    std::vector<Session> sessions(LocalDate date) const;

    // Within a session, its open and its close included. CalendarWalk is faster for many times.
    bool is_open(Timestamp time) const;

    // The ordinary hours of that time.
    std::span<const TradingHours> hours_on(LocalDate date) const;

    // Why `date` is not an ordinary trading day; none where it is, or is a weekend.
    std::optional<SpecialDay> special_day(LocalDate date) const;

    // The same by the rules alone, whatever is listed: for tests of the rules.
    std::optional<SpecialDay> special_day_by_rule(LocalDate date) const;

private:
    Calendar() = default;

    CalendarData data_;
    bool always_ = false;
};

// Answers `is_open` for many times, best in order: keeps the day that it looked at last. For one
// thread; the calendar must outlive it.
class CalendarWalk {
public:
    explicit CalendarWalk(const Calendar& calendar) : calendar_(calendar) {}
    bool is_open(Timestamp time);

private:
    const Calendar& calendar_;
    Timestamp begin_ = Timestamp::max();  // of the day kept
    Timestamp end_ = Timestamp::min();
    std::vector<Calendar::Session> sessions_;
};

// Easter Sunday of the Gregorian calendar, by the computus of Meeus, Jones and Butcher.
std::chrono::year_month_day easter_sunday(std::chrono::year year);

}  // namespace tapedeck
