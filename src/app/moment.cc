#include "app/moment.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using LocalDay = std::chrono::local_time<days>;

constexpr std::int64_t kMostBack = 100'000;  // of any unit

// "2026-11-24"; the calendar's own days alone.
std::optional<LocalDay> date_named(std::string_view text) {
    if (text.size() != 10) return std::nullopt;
    const auto midnight = parse_rfc3339(text);
    if (!midnight) return std::nullopt;
    return LocalDay(std::chrono::floor<days>(midnight->time_since_epoch()));
}

std::optional<LocalDay> local_day(std::string_view text, LocalDay today) {
    if (text == "today") return today;
    if (text == "yesterday") return today - days(1);
    return date_named(text);
}

// Two digits below `limit`.
std::optional<int> two_digits(std::string_view text, int limit) {
    int number = 0;
    if (text.size() != 2) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + 2, number);
    if (error != std::errc() || end != text.data() + 2 || number < 0 || number >= limit) {
        return std::nullopt;
    }
    return number;
}

// "14:05" or "14:05:30", since midnight.
std::optional<std::chrono::seconds> clock_named(std::string_view text) {
    const bool has_seconds = text.size() == 8 && text[5] == ':';
    if ((text.size() != 5 && !has_seconds) || text[2] != ':') return std::nullopt;
    const auto hours = two_digits(text.substr(0, 2), 24);
    const auto minutes = two_digits(text.substr(3, 2), 60);
    const auto seconds = has_seconds ? two_digits(text.substr(6), 60) : std::optional<int>(0);
    if (!hours || !minutes || !seconds) return std::nullopt;
    return std::chrono::hours(*hours) + std::chrono::minutes(*minutes) +
           std::chrono::seconds(*seconds);
}

// "-90m": how long before now.
std::optional<std::chrono::seconds> back_named(std::string_view text) {
    if (text.size() < 3 || text[0] != '-') return std::nullopt;
    std::int64_t number = 0;
    const auto digits = text.substr(1, text.size() - 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    if (number < 0 || number > kMostBack) return std::nullopt;
    switch (text.back()) {
        case 's':
            return std::chrono::seconds(number);
        case 'm':
            return std::chrono::minutes(number);
        case 'h':
            return std::chrono::hours(number);
        case 'd':
            return days(number);
        case 'w':
            return std::chrono::weeks(number);
        default:
            return std::nullopt;
    }
}

LocalDay today_of(Timestamp now, const Zone& zone) {
    return std::chrono::floor<days>(zone.to_local(now));
}

// "DAY", "DAY CLOCK", "CLOCK", as the zone's clocks have it.
std::optional<LocalTime> local_named(std::string_view text, LocalDay today) {
    if (const auto clock = clock_named(text)) return today + *clock;
    const auto blank = text.find(' ');
    const auto day = local_day(text.substr(0, blank), today);
    if (!day || blank == std::string_view::npos) return day;
    const auto clock = clock_named(text.substr(blank + 1));
    if (!clock) return std::nullopt;
    return *day + *clock;
}

}  // namespace

Result<Timestamp> moment_named(std::string_view text, Timestamp now, const Zone& zone) {
    if (text == "now") return now;
    if (const auto back = back_named(text)) return now - *back;
    if (const auto local = local_named(text, today_of(now, zone))) return zone.to_utc(*local);
    if (text.size() > 10 && (text[10] == 'T' || text[10] == 't')) return parse_rfc3339(text);
    return Error{ErrorKind::malformed, fmt::format("no moment: '{}'; {}", text, kMomentForms)};
}

Result<NamedDay> day_named(std::string_view text, Timestamp now, const Zone& zone) {
    const auto day = local_day(text, today_of(now, zone));
    if (!day) {
        return Error{ErrorKind::malformed,
                     fmt::format("not a day such as 2026-11-24, today or yesterday: '{}'", text)};
    }
    return NamedDay{zone.to_utc(LocalTime(*day)), zone.to_utc(LocalTime(*day + days(1)))};
}

}  // namespace tapedeck
