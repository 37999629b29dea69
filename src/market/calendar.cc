#include "market/calendar.h"

#include <fmt/core.h>

#include <algorithm>

namespace tapedeck {
namespace {

using std::chrono::days;
using std::chrono::last;
using std::chrono::local_days;
using std::chrono::month;
using std::chrono::weekday;
using std::chrono::year;
using std::chrono::year_month_day;

std::string text_of(LocalDate date) {
    const year_month_day ymd(date);
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(ymd.year()),
                       static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()));
}

unsigned weekday_of(LocalDate date) { return weekday(date).c_encoding(); }

bool has(Weekdays set, LocalDate date) { return (set >> weekday_of(date) & 1U) != 0; }

// The date that `rule` names in `in`, before Saturdays and Sundays are moved.
LocalDate named_date(const HolidayRule& rule, year in) {
    LocalDate date;
    switch (rule.kind) {
        case HolidayRule::Kind::fixed:
            date = local_days(in / month(rule.month) / std::chrono::day(rule.day));
            break;
        case HolidayRule::Kind::weekday:
            if (rule.nth < 0) {
                date = local_days(in / month(rule.month) / weekday(rule.weekday)[last]);
            } else {
                date = local_days(in / month(rule.month) /
                                  weekday(rule.weekday)[static_cast<unsigned>(rule.nth)]);
            }
            break;
        case HolidayRule::Kind::easter:
            date = local_days(easter_sunday(in));
            break;
    }
    return date + days(rule.offset);
}

// The day on which `rule` is observed for its date in `in`; none where it is not.
std::optional<LocalDate> observed(const HolidayRule& rule, year in) {
    if (static_cast<int>(in) < rule.since || static_cast<int>(in) > rule.until) return {};
    const LocalDate date = named_date(rule, in);
    if (!has(rule.only, date)) return {};
    if (weekday_of(date) == 6) {
        if (rule.saturday == HolidayRule::OnSaturday::skip) return {};
        if (rule.saturday == HolidayRule::OnSaturday::friday) return date - days(1);
    }
    if (weekday_of(date) == 0) {
        if (rule.sunday == HolidayRule::OnSunday::skip) return {};
        if (rule.sunday == HolidayRule::OnSunday::monday) return date + days(1);
    }
    return date;
}

Result<> check_hours(const CalendarData& data, std::span<const TradingHours> all) {
    TimeOfDay free_from(0);
    for (const TradingHours& hours : all) {
        if (hours.open < free_from || hours.close <= hours.open ||
            hours.close >= std::chrono::hours(24)) {
            return Error{ErrorKind::rejected,
                         fmt::format("calendar {}: hours must be in order, within one day and "
                                     "not overlap",
                                     data.name)};
        }
        free_from = hours.close;
    }
    if (all.empty() || data.weekdays == 0) {
        return Error{
            ErrorKind::rejected,
            fmt::format("calendar {}: without hours or weekdays it never opens", data.name)};
    }
    return {};
}

std::span<const TradingHours> ordinary_hours(const CalendarData& data, LocalDate date) {
    std::span<const TradingHours> hours = data.hours;
    for (const HoursFrom& change : data.changes) {
        if (change.from <= date) hours = change.hours;
    }
    return hours;
}

Result<> check_changes(const CalendarData& data) {
    for (std::size_t i = 0; i < data.changes.size(); ++i) {
        if (i > 0 && data.changes[i].from == data.changes[i - 1].from) {
            return Error{ErrorKind::rejected,
                         fmt::format("calendar {}: the hours change twice on {}", data.name,
                                     text_of(data.changes[i].from))};
        }
        if (const Result<> checked = check_hours(data, data.changes[i].hours); !checked) {
            return checked;
        }
    }
    return {};
}

// "10:30" within the ordinary hours of that day, or after them all.
bool is_outside(std::span<const TradingHours> hours, const std::optional<TimeOfDay>& time) {
    return time && (*time <= hours.front().open || *time >= hours.back().close);
}

Result<> check_special(const CalendarData& data) {
    const auto refuse = [&](const SpecialDay& day, std::string_view why) {
        return Error{ErrorKind::rejected, fmt::format("calendar {}: {} ({}) {}", data.name,
                                                      text_of(day.date), day.name, why)};
    };
    for (std::size_t i = 0; i < data.special.size(); ++i) {
        const SpecialDay& day = data.special[i];
        if (i > 0 && data.special[i - 1].date == day.date) return refuse(day, "is listed twice");
        if (day.date < data.listed_from || day.date > data.listed_through) {
            return refuse(day, "lies outside listed_from and listed_through");
        }
        if (!has(data.weekdays, day.date)) return refuse(day, "is no day of trading anyway");
        const auto hours = ordinary_hours(data, day.date);
        if (is_outside(hours, day.close)) {
            return refuse(day, "closes early at a time outside the ordinary hours");
        }
        if (is_outside(hours, day.open)) {
            return refuse(day, "opens late at a time outside the ordinary hours");
        }
        if (day.open && day.close && *day.close <= *day.open) {
            return refuse(day, "closes before it opens");
        }
    }
    return {};
}

// Which of two that meet on one day leaves less of it: the earlier close, then the later open.
bool shorter(const SpecialDay& left, const SpecialDay& right) {
    constexpr TimeOfDay kEnd = std::chrono::hours(24);
    const TimeOfDay ends = left.close.value_or(kEnd);
    const TimeOfDay other = right.close.value_or(kEnd);
    if (ends != other) return ends < other;
    return left.open.value_or(TimeOfDay(0)) > right.open.value_or(TimeOfDay(0));
}

}  // namespace

year_month_day easter_sunday(year in) {
    const int y = static_cast<int>(in);
    const int a = y % 19;
    const int b = y / 100;
    const int c = y % 100;
    const int d = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    const int e = (32 + 2 * (b % 4) + 2 * (c / 4) - d - c % 4) % 7;
    const int f = d + e - 7 * ((a + 11 * d + 22 * e) / 451) + 114;
    return in / month(static_cast<unsigned>(f / 31)) /
           std::chrono::day(static_cast<unsigned>(f % 31 + 1));
}

Calendar Calendar::always() {
    Calendar calendar;
    calendar.data_.name = "always";
    calendar.data_.title = "Open at every moment";
    calendar.always_ = true;
    return calendar;
}

Result<Calendar> Calendar::make(CalendarData data) {
    std::sort(data.special.begin(), data.special.end(),
              [](const SpecialDay& a, const SpecialDay& b) { return a.date < b.date; });
    std::ranges::sort(data.changes, {}, &HoursFrom::from);
    if (const Result<> checked = check_hours(data, data.hours); !checked) return checked.error();
    if (const Result<> checked = check_changes(data); !checked) return checked.error();
    if (const Result<> checked = check_special(data); !checked) return checked.error();
    Calendar calendar;
    calendar.data_ = std::move(data);
    return calendar;
}

std::optional<SpecialDay> Calendar::special_day_by_rule(LocalDate date) const {
    const year in = year_month_day(date).year();
    std::optional<SpecialDay> found;
    for (const HolidayRule& rule : data_.rules) {
        // A holiday of the first of January may be observed in the year before.
        for (const year y : {in, in + std::chrono::years(1)}) {
            if (observed(rule, y) != date) continue;
            SpecialDay day{date, rule.close, rule.name, "the calendar's rule", rule.open};
            if (day.is_closed()) return day;  // wins over an early close and a late open
            if (!found || shorter(day, *found)) found = std::move(day);
        }
    }
    return found;
}

std::optional<SpecialDay> Calendar::special_day(LocalDate date) const {
    if (always_ || !has(data_.weekdays, date)) return {};
    if (date < data_.listed_from || date > data_.listed_through) return special_day_by_rule(date);
    const auto at = std::lower_bound(data_.special.begin(), data_.special.end(), date,
                                     [](const SpecialDay& a, LocalDate b) { return a.date < b; });
    if (at == data_.special.end() || at->date != date) return {};
    return *at;
}

std::span<const TradingHours> Calendar::hours_on(LocalDate date) const {
    return ordinary_hours(data_, date);
}

std::vector<Calendar::Session> Calendar::sessions(LocalDate date) const {
    if (always_) {
        const Timestamp midnight(date.time_since_epoch());
        return {{midnight, midnight + days(1)}};
    }
    if (!has(data_.weekdays, date)) return {};
    const std::optional<SpecialDay> special = special_day(date);
    if (special && special->is_closed()) return {};
    std::vector<Session> sessions;
    for (const TradingHours& hours : hours_on(date)) {
        TimeOfDay open = hours.open;
        TimeOfDay close = hours.close;
        if (special && special->open) open = std::max(open, *special->open);
        if (special && special->close) close = std::min(close, *special->close);
        if (close <= open) continue;  // cut off
        sessions.push_back({data_.zone.to_utc(date + open), data_.zone.to_utc(date + close)});
    }
    return sessions;
}

bool Calendar::is_open(Timestamp time) const { return CalendarWalk(*this).is_open(time); }

bool CalendarWalk::is_open(Timestamp time) {
    if (calendar_.is_always()) return true;
    if (time < begin_ || time >= end_) {
        const Zone& zone = calendar_.data().zone;
        const auto date = std::chrono::floor<days>(zone.to_local(time));
        begin_ = zone.to_utc(date);
        end_ = zone.to_utc(date + days(1));
        sessions_ = calendar_.sessions(date);
    }
    return std::any_of(sessions_.begin(), sessions_.end(), [&](const Calendar::Session& session) {
        return session.open <= time && time <= session.close;
    });
}

}  // namespace tapedeck
