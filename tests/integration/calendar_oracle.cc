// Prints a calendar's sessions, for calendar_oracle_test.py, which compares them with another
// implementation's: calendar_oracle NAME FROM TO [rules]. One line a day: the date, then pairs of
// open and close in seconds since 1970. With `rules` the listed days are left aside, and a line is
// the date and "closed", the time of the early close, or "regular".
#include <fmt/format.h>

#include <iostream>
#include <string>

#include "base/time.h"
#include "schedule/calendar_file.h"

namespace {

std::string by_rule(const tapedeck::Calendar& calendar, tapedeck::LocalDate date) {
    const auto special = calendar.special_day_by_rule(date);
    if (!special) return "regular";
    if (special->is_closed()) return "closed";
    if (!special->close) return "late";
    return fmt::format("{:02}:{:02}", special->close->count() / 60, special->close->count() % 60);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    const auto calendar = tapedeck::calendar_named(argv[1]);
    const auto from = tapedeck::parse_rfc3339(argv[2]);
    const auto to = tapedeck::parse_rfc3339(argv[3]);
    if (!calendar || !from || !to) {
        std::cerr << (calendar ? "bad dates" : calendar.error().what) << '\n';
        return 1;
    }
    for (auto day = std::chrono::floor<std::chrono::days>(*from); day <= *to;
         day += std::chrono::days(1)) {
        const tapedeck::LocalDate date(day.time_since_epoch());
        std::cout << tapedeck::format_rfc3339(day).substr(0, 10);
        if (argc > 4) {
            std::cout << ' ' << by_rule(*calendar, date) << '\n';
            continue;
        }
        for (const auto& session : calendar->sessions(date)) {
            for (const auto time : {session.open, session.close}) {
                std::cout << ' '
                          << std::chrono::duration_cast<std::chrono::seconds>(
                                 time.time_since_epoch())
                                 .count();
            }
        }
        std::cout << '\n';
    }
    return 0;
}
