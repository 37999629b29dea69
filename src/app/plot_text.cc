#include "app/plot_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "base/assert.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

// Coefficients stay below it, so that their product with a number of pixels fits 128 bits.
constexpr Int128 kLargest = static_cast<Int128>(1'000'000'000'000'000) * 1'000'000'000'000'000;

Int128 coefficient_at(const Price& price, int scale) {
    const auto same = price.rounded(scale, Rounding::half_even);
    TAPEDECK_ASSERT(same);  // the scale was chosen so that all prices fit
    return same->coefficient();
}

Int128 floor_to(Int128 value, Int128 step) {
    Int128 rest = value % step;
    if (rest < 0) rest += step;
    return value - rest;
}

// The smallest step of 1, 2 or 5 times a power of ten that divides `range` into at most `most`.
Int128 step_for(Int128 range, int most) {
    for (Int128 power = 1;; power *= 10) {
        for (const int times : {1, 2, 5}) {
            // Rounding outwards may add a step at each end.
            if (range / (power * times) + 2 <= most) return power * times;
        }
    }
}

// Dots of braille: each cell has two columns and four lines of them (Unicode 2800 to 28FF).
class Dots {
public:
    Dots(int columns, int lines)
        : columns_(columns),
          lines_(lines),
          cells_(static_cast<std::size_t>(columns) * static_cast<std::size_t>(lines)) {}
    int width() const { return columns_ * 2; }
    int height() const { return lines_ * 4; }

    // (0, 0) is at the bottom left.
    void set(int x, int y) {
        static constexpr std::array<std::array<unsigned, 4>, 2> kBits{
            {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}};
        const int down = height() - 1 - y;
        cells_[index_of(x / 2, down / 4)] |=
            kBits[static_cast<std::size_t>(x % 2)][static_cast<std::size_t>(down % 4)];
    }

    // Bresenham's line.
    void line(int x, int y, int to_x, int to_y) {
        const int dx = std::abs(to_x - x);
        const int dy = -std::abs(to_y - y);
        int error = dx + dy;
        for (;;) {
            set(x, y);
            if (x == to_x && y == to_y) return;
            const int twice = 2 * error;
            if (twice >= dy) {
                error += dy;
                x += x < to_x ? 1 : -1;
            }
            if (twice <= dx) {
                error += dx;
                y += y < to_y ? 1 : -1;
            }
        }
    }

    std::string row(int line) const {
        std::string out;
        for (int column = 0; column < columns_; ++column) {
            const unsigned bits = cells_[index_of(column, line)];
            if (bits == 0) {
                out += ' ';
                continue;
            }
            out += '\xE2';
            out += static_cast<char>(0xA0U | bits >> 6U);
            out += static_cast<char>(0x80U | (bits & 0x3FU));
        }
        return out;
    }

private:
    std::size_t index_of(int column, int line) const {
        return static_cast<std::size_t>(line) * static_cast<std::size_t>(columns_) +
               static_cast<std::size_t>(column);
    }

    int columns_;
    int lines_;
    std::vector<unsigned> cells_;
};

// Puts `text` into the line where it does not touch what stands there.
void put(std::string& line, int at, std::string_view text) {
    const int room = static_cast<int>(line.size());
    const int size = static_cast<int>(text.size());
    const int begin = std::clamp(at - size / 2, 0, std::max(0, room - size));
    if (begin + size > room) return;
    for (int i = std::max(0, begin - 1); i < std::min(room, begin + size + 1); ++i) {
        if (line[static_cast<std::size_t>(i)] != ' ') return;
    }
    line.replace(static_cast<std::size_t>(begin), text.size(), text);
}

}  // namespace

Result<PriceAxis> PriceAxis::make(const std::vector<ChartPoint>& points, int most_ticks) {
    TAPEDECK_ASSERT(!points.empty() && most_ticks >= 3);
    int scale = 0;
    for (const ChartPoint& point : points) scale = std::max(scale, point.price.scale());
    // Where 38 digits do not hold them all at that scale, the last digits cannot be seen anyway.
    for (;; --scale) {
        const bool fit = std::ranges::all_of(points, [&](const ChartPoint& point) {
            const auto same = point.price.rounded(scale, Rounding::half_even);
            return same && same->coefficient() < kLargest && same->coefficient() > -kLargest;
        });
        if (fit) break;
        if (scale == 0) return Error{ErrorKind::rejected, "the prices are too large to draw"};
    }
    Int128 low = coefficient_at(points.front().price, scale);
    Int128 high = low;
    for (const ChartPoint& point : points) {
        const Int128 value = coefficient_at(point.price, scale);
        low = std::min(low, value);
        high = std::max(high, value);
    }
    if (low == high) return PriceAxis(low - 1, high + 1, 1, scale);
    const Int128 step = step_for(high - low, most_ticks);
    const Int128 top = floor_to(high + step - 1, step);
    return PriceAxis(floor_to(low, step), top, step, scale);
}

int PriceAxis::position(const Price& price, int size) const {
    const Int128 value = std::clamp(coefficient_at(price, scale_), low_, high_);
    const Int128 range = high_ - low_;
    return static_cast<int>(((value - low_) * (size - 1) + range / 2) / range);
}

std::vector<Price> PriceAxis::ticks() const {
    std::vector<Price> ticks;
    for (Int128 value = low_; value <= high_; value += step_) {
        const auto price = Price::from_parts(value, scale_);
        TAPEDECK_ASSERT(price);
        ticks.push_back(*price);
    }
    return ticks;
}

std::vector<TimeMark> time_marks(Timestamp from, Timestamp to, int most) {
    static constexpr std::array<std::chrono::seconds, 22> kSteps{
        1s, 5s, 15s, 30s, 60s, 5min, 10min, 15min, 30min, 1h,        2h,
        3h, 6h, 12h, 24h, 48h, 168h, 336h,  720h,  2160h, 24h * 365, 24h * 3650};
    std::chrono::seconds step = kSteps.back();
    for (const auto candidate : kSteps) {
        if ((to - from) / candidate + 1 > most) continue;
        step = candidate;
        break;
    }
    std::vector<TimeMark> marks;
    const std::chrono::microseconds since = from.time_since_epoch();
    const std::chrono::microseconds before = since / step * step;
    for (Timestamp at(before); at <= to; at += step) {
        if (at < from) continue;
        const std::string text = format_rfc3339(at);
        const bool dated =
            step >= 24h || at == Timestamp(std::chrono::floor<std::chrono::days>(at));
        marks.push_back({at, dated         ? text.substr(0, 10)
                             : step < 1min ? text.substr(11, 8)
                                           : text.substr(11, 5)});
    }
    return marks;
}

int time_position(Timestamp at, Timestamp from, Timestamp to, int size) {
    const Int128 span = (to - from).count();
    const Int128 past = (std::clamp(at, from, to) - from).count();
    return static_cast<int>((past * (size - 1) + span / 2) / span);
}

std::string chart_summary(const Chart& chart) {
    const auto [low, high] = std::ranges::minmax_element(chart.points, {}, &ChartPoint::price);
    return fmt::format("{} prices, {} missing; first {}, last {}, low {}, high {}{}{}",
                       chart.points.size(), chart.missing.size(),
                       chart.points.front().price.to_string(),
                       chart.points.back().price.to_string(), low->price.to_string(),
                       high->price.to_string(), chart.currency.empty() ? "" : " ", chart.currency);
}

Result<std::string> chart_text(const Chart& chart, int columns, int lines) {
    TAPEDECK_ASSERT(!chart.points.empty() && chart.from < chart.to);
    columns = std::clamp(columns, 40, 1000);
    lines = std::clamp(lines, 8, 500);
    const int plot_lines = lines - 5;  // title, summary, missing, axis, labels
    const auto axis = PriceAxis::make(chart.points, std::max(3, plot_lines / 2));
    if (!axis) return axis.error();
    std::vector<std::string> labels(static_cast<std::size_t>(plot_lines));
    std::size_t wide = 0;
    for (const Price& tick : axis->ticks()) {
        const int line = plot_lines - 1 - axis->position(tick, plot_lines * 4) / 4;
        labels[static_cast<std::size_t>(line)] = tick.to_string();
        wide = std::max(wide, labels[static_cast<std::size_t>(line)].size());
    }
    const int plot_columns = std::max(10, columns - static_cast<int>(wide) - 2);
    Dots dots(plot_columns, plot_lines);
    std::optional<std::pair<int, int>> before;
    for (const ChartPoint& point : chart.points) {
        const int x = time_position(point.at, chart.from, chart.to, dots.width());
        const int y = axis->position(point.price, dots.height());
        if (point.joined && before) {
            dots.line(before->first, before->second, x, y);
        } else {
            dots.set(x, y);
        }
        before = {x, y};
    }
    std::string out = fmt::format("{}\n{}\n", chart.title, chart_summary(chart));
    for (int line = 0; line < plot_lines; ++line) {
        const std::string& label = labels[static_cast<std::size_t>(line)];
        out += fmt::format("{:>{}} {}{}\n", label, wide, label.empty() ? "│" : "┤", dots.row(line));
    }
    const std::string margin(wide + 1, ' ');
    std::vector<bool> missing(static_cast<std::size_t>(plot_columns));
    for (const Timestamp slot : chart.missing) {
        missing[static_cast<std::size_t>(time_position(slot, chart.from, chart.to, plot_columns))] =
            true;
    }
    if (!chart.missing.empty()) {
        out += margin + " ";
        for (const bool one : missing) out += one ? "×" : " ";
        out += '\n';
    }
    std::string line = "└";
    std::vector<bool> marked(static_cast<std::size_t>(plot_columns));
    std::string words(static_cast<std::size_t>(plot_columns) + 1, ' ');
    for (const TimeMark& mark : time_marks(chart.from, chart.to, std::max(2, plot_columns / 12))) {
        const int x = time_position(mark.at, chart.from, chart.to, plot_columns);
        marked[static_cast<std::size_t>(x)] = true;
        put(words, x + 1, mark.label);
    }
    for (const bool one : marked) line += one ? "┬" : "─";
    words.erase(words.find_last_not_of(' ') + 1);
    return out + margin + line + "\n" + margin + words + "\n";
}

}  // namespace tapedeck
