#include "net/retry.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace tapedeck {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr std::array<std::string_view, 7> kLongDays{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                    "Friday", "Saturday", "Sunday"};

// Takes tokens off the front of a text; once one does not fit, everything after fails too.
class Cursor {
public:
    explicit Cursor(std::string_view text) : left_(text) {}

    bool literal(std::string_view token) {
        if (ok_ && left_.starts_with(token)) {
            left_.remove_prefix(token.size());
        } else {
            ok_ = false;
        }
        return ok_;
    }

    // Exactly `digits` digits.
    int number(std::size_t digits) {
        int value = 0;
        if (left_.size() < digits) ok_ = false;
        for (std::size_t i = 0; ok_ && i < digits; ++i) {
            if (left_[i] < '0' || left_[i] > '9') ok_ = false;
            value = value * 10 + (left_[i] - '0');
        }
        if (ok_) left_.remove_prefix(digits);
        return value;
    }

    // The position in `words` of the one that stands here.
    template <std::size_t N>
    unsigned one_of(const std::array<std::string_view, N>& words) {
        for (unsigned i = 0; ok_ && i < N; ++i) {
            if (left_.starts_with(words[i])) {
                left_.remove_prefix(words[i].size());
                return i;
            }
        }
        ok_ = false;
        return 0;
    }

    bool at(char c) const { return ok_ && left_.starts_with(c); }
    bool ended() const { return ok_ && left_.empty(); }

private:
    std::string_view left_;
    bool ok_ = true;
};

struct Clockface {
    int hour = 0;
    int minute = 0;
    int second = 0;  // up to 60: a leap second counts as the next minute's first
};

Clockface clockface(Cursor& cursor) {
    Clockface face;
    face.hour = cursor.number(2);
    cursor.literal(":");
    face.minute = cursor.number(2);
    cursor.literal(":");
    face.second = cursor.number(2);
    return face;
}

std::optional<Timestamp> instant(int year, unsigned month, int day, const Clockface& face) {
    if (day < 0 || face.hour > 23 || face.minute > 59 || face.second > 60) return std::nullopt;
    const std::chrono::year_month_day date(std::chrono::year(year), std::chrono::month(month + 1),
                                           std::chrono::day(static_cast<unsigned>(day)));
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days(date) + std::chrono::hours(face.hour) +
           std::chrono::minutes(face.minute) + seconds(face.second);
}

int year_of(Timestamp time) {
    const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
    return static_cast<int>(date.year());
}

std::optional<Timestamp> parse_fixdate(std::string_view text) {
    Cursor cursor(text);
    cursor.one_of(kDays);
    cursor.literal(", ");
    const int day = cursor.number(2);
    cursor.literal(" ");
    const unsigned month = cursor.one_of(kMonths);
    cursor.literal(" ");
    const int year = cursor.number(4);
    cursor.literal(" ");
    const Clockface face = clockface(cursor);
    cursor.literal(" GMT");
    return cursor.ended() ? instant(year, month, day, face) : std::nullopt;
}

std::optional<Timestamp> parse_rfc850(std::string_view text, Timestamp now) {
    Cursor cursor(text);
    cursor.one_of(kLongDays);
    cursor.literal(", ");
    const int day = cursor.number(2);
    cursor.literal("-");
    const unsigned month = cursor.one_of(kMonths);
    cursor.literal("-");
    int year = cursor.number(2);
    cursor.literal(" ");
    const Clockface face = clockface(cursor);
    cursor.literal(" GMT");
    if (!cursor.ended()) return std::nullopt;
    const int this_year = year_of(now);
    year += this_year / 100 * 100;
    if (year > this_year + 50) year -= 100;
    if (year < this_year - 49) year += 100;
    return instant(year, month, day, face);
}

std::optional<Timestamp> parse_asctime(std::string_view text) {
    Cursor cursor(text);
    cursor.one_of(kDays);
    cursor.literal(" ");
    const unsigned month = cursor.one_of(kMonths);
    cursor.literal(" ");
    const bool padded = cursor.at(' ');
    if (padded) cursor.literal(" ");
    const int day = cursor.number(padded ? 1 : 2);
    cursor.literal(" ");
    const Clockface face = clockface(cursor);
    cursor.literal(" ");
    const int year = cursor.number(4);
    return cursor.ended() ? instant(year, month, day, face) : std::nullopt;
}

std::string_view without_blanks(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

bool all_digits(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Sebastiano Vigna's splitmix64: one step is enough to make neighbouring seeds unlike.
std::uint64_t mixed(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
}

}  // namespace

std::optional<Timestamp> parse_http_date(std::string_view text, Timestamp now) {
    text = without_blanks(text);
    if (auto time = parse_fixdate(text)) return time;
    if (auto time = parse_rfc850(text, now)) return time;
    return parse_asctime(text);
}

std::optional<milliseconds> parse_retry_after(std::string_view value, Timestamp now,
                                              milliseconds cap) {
    TAPEDECK_ASSERT(cap >= milliseconds::zero());
    value = without_blanks(value);
    if (all_digits(value)) {
        std::int64_t count = 0;
        for (const char digit : value) {
            count = count * 10 + (digit - '0');
            if (seconds(count) >= cap) return cap;
        }
        return seconds(count);
    }
    const auto until = parse_http_date(value, now);
    if (!until) return std::nullopt;
    return std::clamp(std::chrono::ceil<milliseconds>(*until - now), milliseconds::zero(), cap);
}

milliseconds backoff(unsigned attempt, milliseconds base, milliseconds cap, std::uint64_t seed) {
    TAPEDECK_ASSERT(base >= milliseconds::zero() && cap >= milliseconds::zero());
    milliseconds most = std::min(base, cap);
    for (unsigned i = 0; i < attempt && most > milliseconds::zero() && most < cap; ++i) {
        most = most > cap / 2 ? cap : most * 2;
    }
    const std::uint64_t drawn = mixed(mixed(seed) ^ attempt);
    return milliseconds(
        static_cast<std::int64_t>(drawn % (static_cast<std::uint64_t>(most.count()) + 1)));
}

bool may_ask_again(const Request& request, const Answer& answer) {
    if (!answer.failure && answer.status != 429 && answer.status < 500) return false;
    if (request.method != Method::post || request.repeatable) return true;
    return answer.failure && answer.failure->reason == Reason::refused;
}

}  // namespace tapedeck
