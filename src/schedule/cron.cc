#include "schedule/cron.h"

#include <fmt/core.h>

#include <array>
#include <cctype>
#include <vector>

#include "base/ascii.h"

namespace tapedeck {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::year_month_day;

struct CronField {
    std::string_view name;
    unsigned min;
    unsigned max;
};
constexpr CronField kMinuteField{"minute", 0, 59};
constexpr CronField kHourField{"hour", 0, 23};
constexpr CronField kDayField{"day of month", 1, 31};
constexpr CronField kMonthField{"month", 1, 12};
constexpr CronField kWeekdayField{"day of week", 0, 6};
constexpr std::array kFields{kMinuteField, kHourField, kDayField, kMonthField, kWeekdayField};
enum FieldIndex : std::size_t { minute_field, hour_field, day_field, month_field, weekday_field };

constexpr std::array<std::string_view, 12> kMonthNames{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdayNames{"sun", "mon", "tue", "wed",
                                                        "thu", "fri", "sat"};

struct Alias {
    std::string_view name;
    std::string_view fields;
};
constexpr std::array<Alias, 7> kAliases{{{"@hourly", "0 * * * *"},
                                         {"@daily", "0 0 * * *"},
                                         {"@midnight", "0 0 * * *"},
                                         {"@weekly", "0 0 * * 0"},
                                         {"@monthly", "0 0 1 * *"},
                                         {"@yearly", "0 0 1 1 *"},
                                         {"@annually", "0 0 1 1 *"}}};

// What one field names.
struct Values {
    std::uint64_t bits = 0;
    bool star = false;  // a bare * among its items
    bool last = false;  // L
    void add(unsigned value) { bits |= std::uint64_t{1} << value; }
};

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::vector<std::string_view> split_blanks(std::string_view text) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        std::size_t length = 0;
        while (length < text.size() && !is_blank(text[length])) ++length;
        if (length > 0) parts.push_back(text.substr(0, length));
        text.remove_prefix(std::min(text.size(), length + 1));
    }
    return parts;
}

// Digits alone, cut off at a million, which is out of every field's range.
std::optional<unsigned> number(std::string_view text) {
    if (text.empty()) return {};
    unsigned value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return {};
        value = std::min(value * 10 + static_cast<unsigned>(c - '0'), 1'000'000U);
    }
    return value;
}

template <std::size_t N>
std::optional<unsigned> position(const std::array<std::string_view, N>& names,
                                 std::string_view name) {
    for (unsigned i = 0; i < N; ++i) {
        if (names[i] == name) return i;
    }
    return {};
}

// Reads the items of one field. `text` is in lower case.
class FieldParser {
public:
    FieldParser(FieldIndex index, std::string_view text)
        : index_(index), field_(kFields[index]), text_(text) {}

    Result<Values> parse() {
        if (text_ == "?" && (index_ == day_field || index_ == weekday_field)) {
            return all(/*star=*/true);
        }
        std::string_view left = text_;
        while (true) {
            const std::size_t comma = left.find(',');
            if (const Result<> added = add_item(left.substr(0, comma)); !added) {
                return added.error();
            }
            if (comma == std::string_view::npos) break;
            left.remove_prefix(comma + 1);
        }
        return values_.star ? all(true) : values_;
    }

private:
    Values all(bool star) const {
        Values values;
        for (unsigned i = field_.min; i <= field_.max; ++i) values.add(i);
        values.star = star;
        return values;
    }

    Error refuse(std::string_view item, std::string_view why) const {
        return Error{ErrorKind::malformed, fmt::format("{} '{}' {}", field_.name, item, why)};
    }

    Result<> add_item(std::string_view item) {
        if (item.empty()) return refuse(text_, "has an empty item");
        if (item == "*") {
            values_.star = true;
            return {};
        }
        if (index_ == day_field && item == "l") {
            values_.last = true;
            return {};
        }
        std::string_view range = item;
        unsigned step = 1;
        const std::size_t slash = item.find('/');
        const bool stepped = slash != std::string_view::npos;
        if (stepped) {
            const std::optional<unsigned> every = number(item.substr(slash + 1));
            if (!every || *every == 0) return refuse(item, "has a step that is no number above 0");
            step = *every;
            range = item.substr(0, slash);
        }
        const std::size_t dash = range.find('-');
        if (range == "*") {
            add_range(field_.min, field_.max, step);
        } else if (dash != std::string_view::npos) {
            const Result<unsigned> low = value(item, range.substr(0, dash));
            if (!low) return low.error();
            const std::string_view end = range.substr(dash + 1);
            const bool to_last = index_ == day_field && end == "l";
            const Result<unsigned> high = to_last ? Result<unsigned>(31U) : value(item, end);
            if (!high) return high.error();
            // "JAN-JAN" is a whole turn, as croniter has it.
            if (*low == *high) {
                add_range(field_.min, field_.max, step);
            } else if (*low < *high) {
                add_range(*low, *high, step);
            } else {
                add_wrapped(*low, *high, step);
            }
        } else {
            const Result<unsigned> low = value(item, range);
            if (!low) return low.error();
            add_range(*low, stepped ? field_.max : *low, step);
        }
        return {};
    }

    Result<unsigned> value(std::string_view item, std::string_view text) const {
        std::optional<unsigned> found = number(text);
        if (!found && index_ == month_field) {
            found = position(kMonthNames, text);
            if (found) ++*found;
        }
        if (!found && index_ == weekday_field) found = position(kWeekdayNames, text);
        if (!found) return refuse(item, "cannot be read");
        if (index_ == weekday_field && *found == 7) return 0U;
        if (*found < field_.min || *found > field_.max) {
            return refuse(item, fmt::format("is out of range {}-{}", field_.min,
                                            index_ == weekday_field ? 7 : field_.max));
        }
        return *found;
    }

    void add_range(unsigned low, unsigned high, unsigned step) {
        for (unsigned i = low; i <= high; i += step) values_.add(i);
    }

    // From `low` through the field's end to `high`. Where a step goes past the end, croniter goes
    // on one later than counting would; its schedules are kept.
    void add_wrapped(unsigned low, unsigned high, unsigned step) {
        unsigned reached = low;
        for (unsigned i = low; i <= field_.max; i += step) {
            values_.add(i);
            reached = i;
        }
        const unsigned left = field_.max - reached;
        const unsigned count = field_.max - field_.min + 1;
        const bool over = reached - field_.min + step > count && left < step;
        add_range_if(field_.min + (over ? step - left : 0), high, step);
    }

    void add_range_if(unsigned low, unsigned high, unsigned step) {
        if (low <= high) add_range(low, high, step);
    }

    const FieldIndex index_;
    const CronField field_;
    const std::string_view text_;
    Values values_;
};

// A day field that names every value counts as a bare `*` where the other one has a `*` in it: a
// subtlety of croniter's, kept for schedules that come from Airflow.
bool counts_as_star(const Values& values, FieldIndex index, std::string_view other) {
    if (values.star) return true;
    const CronField& field = kFields[index];
    const std::uint64_t every = ((std::uint64_t{1} << (field.max - field.min + 1)) - 1)
                                << field.min;
    return values.bits == every && other.find('*') != std::string_view::npos;
}

unsigned longest(unsigned month) {
    if (month == 2) return 29;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

}  // namespace

Result<Cron> Cron::parse(std::string_view text) {
    const auto refuse = [&](ErrorKind kind, std::string_view why) {
        return Error{kind, fmt::format("cron '{}': {}", text, why)};
    };
    Cron cron;
    cron.text_ = std::string(text);
    std::string fields = lower_ascii(text);
    std::vector<std::string_view> parts = split_blanks(fields);
    if (parts.size() == 1 && parts[0] == "@once") {
        cron.once_ = true;
        return cron;
    }
    for (const Alias& alias : kAliases) {
        if (parts.size() == 1 && parts[0] == alias.name) parts = split_blanks(alias.fields);
    }
    if (parts.size() == 1 && parts[0].front() == '@') {
        return refuse(ErrorKind::malformed,
                      "not one of @hourly @daily @midnight @weekly @monthly @yearly @annually "
                      "@once");
    }
    if (parts.size() != kFields.size()) {
        return refuse(ErrorKind::malformed,
                      fmt::format("has {} fields in place of five: minute, hour, day of month, "
                                  "month, day of week",
                                  parts.size()));
    }
    std::array<Values, 5> values;
    for (std::size_t i = 0; i < kFields.size(); ++i) {
        Result<Values> read = FieldParser(static_cast<FieldIndex>(i), parts[i]).parse();
        if (!read) return refuse(read.error().kind, read.error().what);
        values[i] = *read;
    }
    cron.minutes_ = values[minute_field].bits;
    cron.hours_ = static_cast<std::uint32_t>(values[hour_field].bits);
    cron.days_ = static_cast<std::uint32_t>(values[day_field].bits);
    cron.months_ = static_cast<std::uint32_t>(values[month_field].bits);
    cron.weekdays_ = static_cast<std::uint32_t>(values[weekday_field].bits);
    cron.last_day_of_month_ = values[day_field].last;
    cron.any_day_ = counts_as_star(values[day_field], day_field, parts[weekday_field]);
    cron.any_weekday_ = counts_as_star(values[weekday_field], weekday_field, parts[day_field]);

    bool possible = cron.any_day_ || !cron.any_weekday_ || cron.last_day_of_month_;
    for (unsigned month = 1; month <= 12 && !possible; ++month) {
        const bool named = (cron.months_ >> month & 1U) != 0;
        possible = named && (cron.days_ & ((std::uint64_t{2} << longest(month)) - 1)) != 0;
    }
    if (!possible) return refuse(ErrorKind::rejected, "names no date: no such month has that day");
    return cron;
}

bool Cron::matches_day(local_days day) const {
    const year_month_day date(day);
    if ((months_ >> static_cast<unsigned>(date.month()) & 1U) == 0) return false;
    const bool weekday_matches =
        any_weekday_ || (weekdays_ >> std::chrono::weekday(day).c_encoding() & 1U) != 0;
    bool day_matches = any_day_ || (days_ >> static_cast<unsigned>(date.day()) & 1U) != 0;
    if (last_day_of_month_ && !day_matches) {
        day_matches = year_month_day(day + days(1)).day() == std::chrono::day(1);
    }
    if (!any_day_ && !any_weekday_) return day_matches || weekday_matches;
    return day_matches && weekday_matches;
}

bool Cron::matches(LocalTime time) const {
    if (once_) return false;
    const auto day = std::chrono::floor<days>(time);
    const std::chrono::hh_mm_ss clock(time - day);
    return clock.seconds().count() == 0 && (minutes_ >> clock.minutes().count() & 1U) != 0 &&
           (hours_ >> clock.hours().count() & 1U) != 0 && matches_day(day);
}

std::optional<LocalTime> Cron::next(LocalTime from) const {
    std::optional<LocalTime> found;
    for_each(from, from + days(3653), [&](LocalTime time) {
        found = time;
        return false;
    });
    return found;
}

}  // namespace tapedeck
