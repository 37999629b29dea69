#include "sources/page_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/ascii.h"
#include "base/decimal.h"
#include "sources/text.h"

namespace tapedeck {
namespace {

using std::chrono::seconds;

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kFirstTold = 1'000'000'000;     // 2001-09-09
constexpr std::int64_t kLastTold = 7'258'118'400;      // 2200-01-01
constexpr std::int64_t kLastSecond = 253'402'300'799;  // of year 9999

Error no_time(std::string_view text, std::string_view why) {
    return {ErrorKind::malformed,
            fmt::format("\"{}\" is no time: {}", text.substr(0, text.size() > 60 ? 57 : 60), why)};
}

// The factor from the unit to microseconds, as a power of ten.
int power_of(TimeUnit unit) {
    switch (unit) {
        case TimeUnit::seconds:
            return 6;
        case TimeUnit::milliseconds:
            return 3;
        case TimeUnit::microseconds:
        case TimeUnit::automatic:
            return 0;
        case TimeUnit::nanoseconds:
            return -3;
    }
    TAPEDECK_ASSERT(false);
}

Result<Timestamp> in_unit(const Decimal& number, TimeUnit unit) {
    const int power = power_of(unit);
    const auto rounded = number.rounded(std::max(power, 0), Rounding::floor);
    if (!rounded) return rounded.error();
    Int128 micros = rounded->coefficient();
    if (power < 0) micros /= 1000;
    if (micros < 0 || micros > Int128{kLastSecond} * kMicrosPerSecond) {
        return no_time(number.to_string(), "it lies before 1970 or behind the year 9999");
    }
    return Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(micros)));
}

Result<Timestamp> from_epoch(const Decimal& number, TimeUnit unit) {
    if (unit != TimeUnit::automatic) return in_unit(number, unit);
    const auto first = Timestamp(seconds(kFirstTold));
    const auto last = Timestamp(seconds(kLastTold));
    for (const TimeUnit one : {TimeUnit::seconds, TimeUnit::milliseconds, TimeUnit::microseconds,
                               TimeUnit::nanoseconds}) {
        const auto time = in_unit(number, one);
        if (time && *time >= first && *time < last) return time;
    }
    return no_time(number.to_string(), "as a number of no unit it lies from 2001 to 2199");
}

// A text without its zone, and the offset that it names.
struct Zoned {
    std::string_view local;
    std::optional<seconds> offset;
};

std::optional<seconds> offset_of(std::string_view text) {
    const bool west = text.front() == '-';
    std::string digits(text.substr(1));
    std::erase(digits, ':');
    if ((digits.size() != 2 && digits.size() != 4) || !std::ranges::all_of(digits, is_digit)) {
        return std::nullopt;
    }
    const int hours = (digits[0] - '0') * 10 + digits[1] - '0';
    const int minutes = digits.size() == 2 ? 0 : (digits[2] - '0') * 10 + digits[3] - '0';
    if (hours > 23 || minutes > 59) return std::nullopt;
    const seconds offset(hours * 3600 + minutes * 60);
    return west ? -offset : offset;
}

Zoned without_zone(std::string_view text) {
    for (const std::string_view name : {"UTC", "GMT", "UT", "Z", "z"}) {
        if (!text.ends_with(name) || text.size() == name.size()) continue;
        const std::string_view rest = text.substr(0, text.size() - name.size());
        if (is_digit(rest.back()) || rest.back() == ' ') return {trim(rest), seconds(0)};
    }
    const std::size_t colon = text.find(':');
    const std::size_t sign = text.find_last_of("+-");
    if (colon == text.npos || sign == text.npos || sign < colon) return {text, std::nullopt};
    const auto offset = offset_of(text.substr(sign));
    return offset ? Zoned{trim(text.substr(0, sign)), offset} : Zoned{text, std::nullopt};
}

// The numbers and words of a text, with nothing but blanks, commas and lines between them.
std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        const std::size_t begin = text.find_first_not_of(" ,-");
        if (begin == text.npos) break;
        text.remove_prefix(begin);
        const std::size_t size = std::min(text.find_first_of(" ,-"), text.size());
        words.push_back(text.substr(0, size));
        text.remove_prefix(size);
    }
    return words;
}

// "Mon, 30 Nov 2026 05:00:00" and "Monday, 30-Nov-26 05:00:00" as "2026-11-30T05:00:00"; empty
// where it is neither.
std::string as_iso(std::string_view text) {
    constexpr std::string_view kDays = "mon tue wed thu fri sat sun";
    constexpr std::string_view kMonths = "jan feb mar apr may jun jul aug sep oct nov dec";
    auto words = words_of(text);
    if (words.size() == 5 && words[0].size() >= 3 &&
        kDays.find(lower_ascii(words[0].substr(0, 3))) != kDays.npos) {
        words.erase(words.begin());
    }
    if (words.size() != 4 || words[0].size() > 2 || words[1].size() < 3) return {};
    const std::size_t month = kMonths.find(lower_ascii(words[1].substr(0, 3)));
    if (month == kMonths.npos || month % 4 != 0) return {};
    std::string year(words[2]);
    // RFC 9110 §5.6.7: two digits are of the nearest century that does not lie far ahead.
    if (year.size() == 2) year.insert(0, year < "70" ? "20" : "19");
    return fmt::format("{}-{:02}-{:0>2}T{}", year, month / 4 + 1, words[0], words[3]);
}

}  // namespace

Result<Timestamp> parse_page_time(std::string_view whole, TimeUnit unit,
                                  const std::optional<Zone>& zone) {
    const std::string_view text = trim(whole);
    if (const auto number = Decimal::parse(text)) return from_epoch(*number, unit);
    const Zoned zoned = without_zone(text);
    std::string iso(zoned.local);
    if (const std::string other = as_iso(zoned.local); !other.empty()) iso = other;
    const bool date_alone = iso.find(':') == iso.npos;
    const auto local = parse_rfc3339(date_alone ? iso : iso + "Z");
    if (!local) return no_time(text, "it is written in no form that is known");
    if (zoned.offset) return *local - *zoned.offset;
    if (zone) {
        const auto whole_seconds = std::chrono::floor<seconds>(*local);
        return zone->to_utc(LocalTime(whole_seconds.time_since_epoch())) + (*local - whole_seconds);
    }
    if (date_alone) return *local;
    return no_time(text, "it names no time zone, and neither does the rule");
}

}  // namespace tapedeck
