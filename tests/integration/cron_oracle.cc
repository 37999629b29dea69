// Answers, line by line, what the schedule makes of an expression: for cron_oracle_test.py, which
// asks croniter the same. A line of stdin is "cron<TAB>zone<TAB>from<TAB>to", times in seconds
// since 1970; the answer is "ok" and the instants, or "error" and why.
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "schedule/schedule.h"

namespace {

std::vector<std::string> split_tabs(const std::string& line) {
    std::vector<std::string> parts(1);
    for (const char c : line) {
        if (c == '\t') {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

tapedeck::Timestamp timestamp(const std::string& seconds) {
    return tapedeck::Timestamp(std::chrono::seconds(std::strtoll(seconds.c_str(), nullptr, 10)));
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    std::string line;
    while (std::getline(std::cin, line)) {
        const std::vector<std::string> parts = split_tabs(line);
        if (parts.size() != 4) return 2;
        const auto schedule = tapedeck::Schedule::make({.cron = parts[0], .zone = parts[1]});
        if (!schedule) {
            std::cout << "error " << schedule.error().what << '\n';
            continue;
        }
        std::cout << "ok";
        schedule->for_each_instant(
            timestamp(parts[2]), timestamp(parts[3]), [](tapedeck::Timestamp instant, bool) {
                std::cout << ' '
                          << std::chrono::duration_cast<std::chrono::seconds>(
                                 instant.time_since_epoch())
                                 .count();
            });
        std::cout << '\n';
    }
    return 0;
}
