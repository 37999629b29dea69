#include "app/live_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "app/output.h"

namespace tapedeck {
namespace {

struct Line {
    std::optional<Price> price;
    std::optional<Price> before;
    std::optional<Timestamp> seen;
    std::string source;
    std::string state;
    std::int64_t recorded = 0;
    std::int64_t expected = 0;
};

using Lines = std::map<std::string, Line, std::less<>>;

Result<> read_prices(Store& store, const Feed& feed, Timestamp since, Lines& lines) {
    return store.query(
        {fmt::format("select instrument, price, date, source from {} where slot >= $1 order by "
                     "slot, id",
                     feed.table.name),
         {since},
         {}},
        [&](const RowView& row) -> Result<> {
            const auto found = lines.find(row.text(0));
            if (found == lines.end()) return {};
            Line& line = found->second;
            line.before = line.price;
            line.price = row.decimal(1);
            line.seen = row.timestamp(2);
            line.source = row.is_null(3) ? "" : row.text(3);
            return {};
        });
}

Result<> read_states(Store& store, const Feed& feed, Timestamp since, Lines& lines) {
    return store.query({"select instrument, state, reason from coverage where feed = $1 and slot "
                        ">= $2 order by slot",
                        {feed.name, since},
                        {}},
                       [&](const RowView& row) -> Result<> {
                           const auto found = lines.find(row.text(0));
                           if (found == lines.end()) return {};
                           Line& line = found->second;
                           const std::string_view state = row.text(1);
                           ++line.expected;
                           if (state == "recorded" || state == "recovered") ++line.recorded;
                           line.state = state;
                           if (!row.is_null(2) && !row.text(2).empty()) {
                               line.state += fmt::format(" ({})", row.text(2));
                           }
                           return {};
                       });
}

std::string change_of(const Line& line) {
    if (!line.price || !line.before) return "";
    const auto change = Decimal::difference(*line.price, *line.before);
    if (!change || change->is_zero()) return "=";
    return (change->is_positive() ? "+" : "") + change->to_string();
}

}  // namespace

Result<std::string> live_table(Assembly& assembly, const std::map<std::string, Feed>& feeds,
                               const std::string& title) {
    const Timestamp now = assembly.clock().now();
    const Timestamp since = now - std::chrono::hours(24);
    Table table({{"feed"},
                 {"instrument"},
                 {"price", Align::right},
                 {"change", Align::right},
                 {"seen"},
                 {"source"},
                 {"last slot"},
                 {"24 h", Align::right}});
    for (const auto& [name, feed] : feeds) {
        Lines lines;
        for (const std::string& instrument : feed.instruments) lines[instrument];
        if (auto done = read_prices(assembly.store(), feed, since, lines); !done) {
            return done.error();
        }
        if (auto done = read_states(assembly.store(), feed, since, lines); !done) {
            return done.error();
        }
        for (const std::string& instrument : feed.instruments) {
            const Line& line = lines.find(instrument)->second;
            table.add(
                {name, instrument, line.price ? line.price->to_string() : "-", change_of(line),
                 line.seen ? format_rfc3339(std::chrono::floor<std::chrono::seconds>(*line.seen))
                           : "-",
                 line.source, line.state.empty() ? "-" : line.state,
                 fmt::format("{}/{}", line.recorded, line.expected)});
        }
    }
    return fmt::format("{}\n{}\n\n{}\n", title,
                       format_rfc3339(std::chrono::floor<std::chrono::seconds>(now)),
                       table.text(true));
}

void LiveScreen::show(const std::string& text) {
    std::string out;
    if (lines_ > 0) out += fmt::format("\033[{}A", lines_);
    out += "\r\033[J";
    out += text;
    lines_ = static_cast<int>(std::ranges::count(text, '\n'));
    print(out);
}

}  // namespace tapedeck
