#include "base/time.h"

#include <fmt/format.h>

#include <array>
#include <cctype>

namespace tapedeck {
namespace {

using namespace std::chrono;

// Writes `width` digits of `value` at `at`; what follows them.
char* put_padded(char* at, unsigned value, int width) {
    for (int i = width; i-- > 0; value /= 10) at[i] = static_cast<char>('0' + value % 10);
    return at + width;
}

Error not_a_time(std::string_view text) {
    return {ErrorKind::malformed, "not a time such as 2026-11-24T00:05:00Z: " + in_quotes(text)};
}

// Within the years 0001 to 9999: an offset or a leap second may lead out of them, and PostgreSQL
// writes no year 0000.
bool writable(Timestamp time) {
    constexpr Timestamp kFirst = sys_days(year(1) / January / 1);
    constexpr Timestamp kEnd = sys_days(year(10'000) / January / 1);
    return time >= kFirst && time < kEnd;
}

// Takes exactly `width` digits off the front; -1 where they are not there.
int take_digits(std::string_view& text, std::size_t width) {
    if (text.size() < width) return -1;
    int value = 0;
    for (std::size_t i = 0; i < width; ++i) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(width);
    return value;
}

bool take(std::string_view& text, char expected) {
    if (text.empty() || text.front() != expected) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

void append_rfc3339(std::string& out, Timestamp time) {
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const auto clock = hh_mm_ss(time - day);
    std::array<char, 27> text;
    char* at = put_padded(text.data(), static_cast<unsigned>(static_cast<int>(date.year())), 4);
    const auto put = [&at](char mark, unsigned value) {
        *at++ = mark;
        at = put_padded(at, value, 2);
    };
    put('-', static_cast<unsigned>(date.month()));
    put('-', static_cast<unsigned>(date.day()));
    put('T', static_cast<unsigned>(clock.hours().count()));
    put(':', static_cast<unsigned>(clock.minutes().count()));
    put(':', static_cast<unsigned>(clock.seconds().count()));
    if (const auto fraction = clock.subseconds().count(); fraction != 0) {
        *at++ = '.';
        at = put_padded(at, static_cast<unsigned>(fraction), 6);
        while (at[-1] == '0') --at;
    }
    *at++ = 'Z';
    out.append(text.data(), static_cast<std::size_t>(at - text.data()));
}

std::string format_rfc3339(Timestamp time) {
    std::string out;
    out.reserve(27);
    append_rfc3339(out, time);
    return out;
}

Result<Timestamp> parse_rfc3339(std::string_view whole) {
    std::string_view text = whole;
    const int y = take_digits(text, 4);
    if (y < 0 || !take(text, '-')) return not_a_time(whole);
    const int m = take_digits(text, 2);
    if (m < 0 || !take(text, '-')) return not_a_time(whole);
    const int d = take_digits(text, 2);
    const year_month_day date(year(y), month(static_cast<unsigned>(m)),
                              day(static_cast<unsigned>(d)));
    if (d < 0 || !date.ok()) return not_a_time(whole);
    Timestamp time = sys_days(date);
    if (text.empty()) return writable(time) ? Result<Timestamp>(time) : not_a_time(whole);

    if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return not_a_time(whole);
    const int hour = take_digits(text, 2);
    if (hour < 0 || hour > 23 || !take(text, ':')) return not_a_time(whole);
    const int minute = take_digits(text, 2);
    if (minute < 0 || minute > 59) return not_a_time(whole);
    int second = 0;
    if (take(text, ':')) {
        second = take_digits(text, 2);
        if (second < 0 || second > 60) return not_a_time(whole);
    }
    time += hours(hour) + minutes(minute) + seconds(second);
    if (take(text, '.')) {
        int digits = 0;
        std::int64_t micros = 0;
        for (; !text.empty() && std::isdigit(static_cast<unsigned char>(text.front()));
             text.remove_prefix(1)) {
            if (++digits > 9) return not_a_time(whole);
            if (digits <= 6) micros = micros * 10 + (text.front() - '0');
        }
        if (digits == 0) return not_a_time(whole);
        for (int i = digits; i < 6; ++i) micros *= 10;
        time += microseconds(micros);
    }
    if (take(text, 'Z') || take(text, 'z')) {
        return text.empty() && writable(time) ? Result(time) : not_a_time(whole);
    }
    if (text.empty()) return not_a_time(whole);
    const bool west = text.front() == '-';
    if (!take(text, '+') && !take(text, '-')) return not_a_time(whole);
    const int zone_hours = take_digits(text, 2);
    if (zone_hours < 0 || zone_hours > 23) return not_a_time(whole);
    take(text, ':');
    const int zone_minutes = take_digits(text, 2);
    if (zone_minutes < 0 || zone_minutes > 59 || !text.empty()) return not_a_time(whole);
    const auto offset = hours(zone_hours) + minutes(zone_minutes);
    const Timestamp utc = west ? time + offset : time - offset;
    return writable(utc) ? Result(utc) : not_a_time(whole);
}

Result<milliseconds> parse_duration(std::string_view whole) {
    const auto refuse = [&] {
        return Error{ErrorKind::malformed,
                     "not a duration such as 10s, 5m or 1h30m: " + in_quotes(whole)};
    };
    if (whole == "0") return milliseconds(0);
    std::string_view text = whole;
    if (text.empty()) return refuse();
    std::int64_t total = 0;
    while (!text.empty()) {
        std::int64_t value = 0;
        std::size_t digits = 0;
        for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
            value = value * 10 + (text[digits] - '0');
            if (value > 1'000'000'000'000) return refuse();
        }
        if (digits == 0) return refuse();
        text.remove_prefix(digits);
        std::size_t letters = 0;
        while (letters < text.size() && text[letters] >= 'a' && text[letters] <= 'z') ++letters;
        const std::string_view unit = text.substr(0, letters);
        text.remove_prefix(letters);
        std::int64_t factor = 0;
        if (unit == "ms") factor = 1;
        if (unit == "s") factor = 1'000;
        if (unit == "m") factor = 60'000;
        if (unit == "h") factor = 3'600'000;
        if (unit == "d") factor = 86'400'000;
        // At most 10^17 ms (3 million years), so that any two durations have a sum.
        constexpr std::int64_t kMost = 100'000'000'000'000'000;
        if (factor == 0 || value > kMost / factor || total > kMost - value * factor) {
            return refuse();
        }
        total += value * factor;
    }
    return milliseconds(total);
}

std::string format_duration(milliseconds duration) {
    std::int64_t left = duration.count();
    if (left == 0) return "0s";
    std::string out;
    const auto part = [&](std::int64_t factor, const char* unit) {
        if (left >= factor) out += fmt::format("{}{}", left / factor, unit);
        left %= factor;
    };
    part(86'400'000, "d");
    part(3'600'000, "h");
    part(60'000, "m");
    part(1'000, "s");
    part(1, "ms");
    return out;
}

}  // namespace tapedeck
