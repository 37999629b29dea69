#include "app/live_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "app/output.h"
#include "base/mutex.h"
#include "events/recording.h"
#include "store/stored_price.h"

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
        {fmt::format("select instrument, {}, date, source from {} where slot >= $1 and instrument "
                     "is not null order by slot, id",
                     stored_price_column("price"), feed.table.name),
         {since},
         {}},
        [&](const RowView& row) -> Result<> {
            const auto found = lines.find(row.text(0));
            if (found == lines.end()) return {};
            Line& line = found->second;
            line.before = line.price;
            line.price = stored_price(row, 1).number;
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

Result<std::string> open_problems(Store& store) {
    std::string text;
    auto done =
        store.query({"select what, since from problems order by since, key", {}, {}},
                    [&](const RowView& row) -> Result<> {
                        text += fmt::format("PROBLEM since {}: {}\n",
                                            format_rfc3339(row.timestamp(1)), shown(row.text(0)));
                        return {};
                    });
    if (!done) return done.error();
    return text;
}

// The bytes of the first `width` code points of UTF-8.
std::size_t bytes_of(std::string_view line, std::size_t width) {
    std::size_t at = 0;
    for (; at < line.size(); ++at) {
        if ((static_cast<unsigned char>(line[at]) & 0xC0U) == 0x80U) continue;
        if (width-- == 0) break;
    }
    return at;
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
    auto problems = open_problems(assembly.store());
    if (!problems) return problems.error();
    return fmt::format("{}\n{}\n\n{}\n{}", title,
                       format_rfc3339(std::chrono::floor<std::chrono::seconds>(now)),
                       table.text(true), *problems);
}

std::string fitted(const std::string& table, const std::deque<std::string>& notices, int rows,
                   int columns) {
    const auto width = static_cast<std::size_t>(std::max(columns, 1));
    const auto most = static_cast<std::size_t>(std::max(rows - 1, 1));  // the cursor has a line too
    std::vector<std::string_view> lines;
    for (std::string_view rest = table; !rest.empty();) {
        const auto end = rest.find('\n');
        lines.push_back(rest.substr(0, end));
        rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    }
    const std::size_t beneath = std::min(notices.size(), most - 1);
    std::string left_out;
    if (lines.size() + beneath > most) {
        const std::size_t shown = most - beneath - 1;
        left_out = fmt::format("… and {} lines more", lines.size() - shown);
        lines.resize(shown);
        lines.push_back(left_out);
    }
    for (std::size_t i = notices.size() - beneath; i < notices.size(); ++i) {
        lines.push_back(notices[i]);
    }
    std::string out;
    for (const std::string_view line : lines) {
        out += line.substr(0, bytes_of(line, width));
        out += '\n';
    }
    return out;
}

void LiveScreen::show(std::string table) {
    const Lock lock(mutex_);
    table_ = std::move(table);
    draw();
}

Log::Sink LiveScreen::sink() {
    return [this](std::string_view event, std::string_view line) {
        if (event == ProblemTold::kName || event == ProblemOver::kName) return;
        if (event == PricesFailed::kName) return;
        notice(line);
    };
}

void LiveScreen::notice(std::string_view line) {
    const Lock lock(mutex_);
    notices_.emplace_back(line);
    if (notices_.size() > kNotices) notices_.pop_front();
    draw();
}

void LiveScreen::draw() {
    const std::string text = fitted(table_, notices_, terminal_rows(), terminal_columns());
    std::string out;
    if (lines_ > 0) out += fmt::format("\033[{}A", lines_);
    out += "\r\033[J";
    out += text;
    lines_ = static_cast<int>(std::ranges::count(text, '\n'));
    print(out);
}

}  // namespace tapedeck
