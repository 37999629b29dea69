#pragma once

#include <bit>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "market/zone.h"

namespace tapedeck {

// A cron expression: which minutes of the local clock it names. docs/schedules.md has the grammar.
//
// Five fields: minute, hour, day of month, month, day of week; names (JAN, MON), lists, ranges,
// steps, 7 as Sunday, L as the month's last day, ? as * in the two day fields; or @hourly, @daily,
// @midnight, @weekly, @monthly, @yearly, @annually, @once. It means what PyPI croniter 7.0 takes it
// to mean, and so what Airflow does: a range may wrap ("FRI-MON"), one with equal ends is the whole
// field, "20/5" is "20-59/5". When both day fields are other than a bare `*`, either may match.
// Refused where croniter guesses: a value out of range anywhere, seconds and years, '#', 'W', 'H',
// 'R', and an expression that names no date at all (30 February).
class Cron {
public:
    // `malformed` with the field's name and the value; `rejected` where it can never match.
    static Result<Cron> parse(std::string_view text);

    const std::string& text() const { return text_; }

    // @once: no minute of any clock; the schedule gives it its one instant.
    bool is_once() const { return once_; }

    // Every hour matches: such an expression follows real time through a change of the clocks.
    bool every_hour() const { return hours_ == kAllHours; }

    bool matches(LocalTime time) const;

    // The first matching minute at or after `from`; none within the ten years that follow.
    std::optional<LocalTime> next(LocalTime from) const;

    // Calls `visit(LocalTime)` for the matching minutes of [from, to), in order, until it returns
    // false; then returns false itself.
    template <class Visit>
    bool for_each(LocalTime from, LocalTime to, Visit&& visit) const {
        using std::chrono::hours;
        using std::chrono::minutes;
        for (auto day = std::chrono::floor<std::chrono::days>(from); day < to;
             day += std::chrono::days(1)) {
            if (!matches_day(day)) continue;
            for (std::uint32_t h = hours_; h != 0; h &= h - 1) {
                const LocalTime hour = day + hours(std::countr_zero(h));
                if (hour + hours(1) <= from) continue;
                for (std::uint64_t m = minutes_; m != 0; m &= m - 1) {
                    const LocalTime time = hour + minutes(std::countr_zero(m));
                    if (time < from) continue;
                    if (time >= to) return true;
                    if (!visit(time)) return false;
                }
            }
        }
        return true;
    }

private:
    static constexpr std::uint32_t kAllHours = 0xFF'FFFF;

    bool matches_day(std::chrono::local_days day) const;

    std::string text_;
    std::uint64_t minutes_ = 0;       // bit 0 to 59
    std::uint32_t hours_ = 0;         // bit 0 to 23
    std::uint32_t days_ = 0;          // bit 1 to 31
    std::uint32_t months_ = 0;        // bit 1 to 12
    std::uint32_t weekdays_ = 0;      // bit 0 (Sunday) to 6
    bool any_day_ = false;            // the day of month is a bare *
    bool any_weekday_ = false;        // the day of week is a bare *
    bool last_day_of_month_ = false;  // L
    bool once_ = false;
};

}  // namespace tapedeck
