#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "market/record.h"

// Charts of prices. Pure. Positions are integers: a price is drawn and written with its exact
// digits and never goes through a floating-point number.
namespace tapedeck {

struct ChartPoint {
    Timestamp at;
    Price price;
    bool joined = false;  // by a line with the point before; false where there is a gap between
};

struct Chart {
    std::string title;
    std::string currency;
    std::vector<ChartPoint> points;  // in order of time, at least one
    std::vector<Timestamp> missing;  // slots that should have a price and have none
    Timestamp from;                  // the time axis: from < to
    Timestamp to;
};

// The scale beside a chart: its ends and its ticks are exact prices, multiples of 1, 2 or 5 times a
// power of ten.
class PriceAxis {
public:
    // With at most `most_ticks` (>= 3) steps. `rejected` where the prices are too large to draw.
    static Result<PriceAxis> make(const std::vector<ChartPoint>& points, int most_ticks);

    // 0 for the lowest price of the axis, `size` - 1 for its highest, rounded to the nearest.
    int position(const Price& price, int size) const;

    std::vector<Price> ticks() const;  // from the lowest to the highest

private:
    PriceAxis(Int128 low, Int128 high, Int128 step, int scale)
        : low_(low), high_(high), step_(step), scale_(scale) {}

    Int128 low_;  // coefficients at scale_
    Int128 high_;
    Int128 step_;
    int scale_;
};

// Marks of the time axis in [from, to]: at most `most`, at round moments UTC, the length of their
// step chosen among seconds to years; with their labels, "05:00" or "2026-11-24".
struct TimeMark {
    Timestamp at;
    std::string label;
};
std::vector<TimeMark> time_marks(Timestamp from, Timestamp to, int most);

// Where a moment stands on an axis of `size` places that begins at `from` and ends at `to`.
int time_position(Timestamp at, Timestamp from, Timestamp to, int size);

// Counts, and the first, last, lowest and highest price with all their digits.
std::string chart_summary(const Chart& chart);

// A chart of braille dots, at least 40 columns and 8 lines. A line of × below it marks the missing
// slots.
Result<std::string> chart_text(const Chart& chart, int columns, int lines);

// The same as an SVG file, sizes in pixels, at least 200 by 150.
Result<std::string> chart_svg(const Chart& chart, int width, int height);

}  // namespace tapedeck
