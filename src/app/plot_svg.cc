#include <fmt/format.h>

#include <algorithm>

#include "app/plot_text.h"
#include "base/assert.h"
#include "base/harmless.h"

namespace tapedeck {
namespace {

constexpr int kTop = 46;
constexpr int kBottom = 30;
constexpr int kRight = 40;
constexpr int kDigitWidth = 7;  // of the labels, at their size

void append_escaped(std::string& out, std::string_view as_stored) {
    const std::string text = harmless(as_stored);  // XML 1.0 has no control characters either
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            default:
                out += c;
        }
    }
}

// What an SVG chart is drawn with: the plot lies within margins for the labels.
class SvgChart {
public:
    SvgChart(const Chart& chart, const PriceAxis& axis, int width, int height)
        : chart_(chart), axis_(axis), width_(width), height_(height) {
        for (const Price& tick : axis_.ticks()) {
            left_ = std::max(left_, static_cast<int>(tick.to_string().size()) * kDigitWidth + 14);
        }
        plot_width_ = std::max(20, width_ - left_ - kRight);
        plot_height_ = height_ - kTop - kBottom;
    }

    std::string text() {
        out_ = fmt::format(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 "
            "{0} {1}\" font-family=\"sans-serif\" font-size=\"11\">\n<title>",
            width_, height_);
        append_escaped(out_, chart_.title);
        out_ += fmt::format("</title>\n<rect width=\"{}\" height=\"{}\" fill=\"white\"/>\n", width_,
                            height_);
        add_text(left_, 18, "start", chart_.title);
        add_text(left_, 36, "start", chart_summary(chart_));
        add_axes();
        add_missing();
        add_lines();
        return out_ + "</svg>\n";
    }

private:
    int x(Timestamp at) const {
        return left_ + time_position(at, chart_.from, chart_.to, plot_width_);
    }
    int y(const Price& price) const {
        return kTop + plot_height_ - 1 - axis_.position(price, plot_height_);
    }

    void add_text(int at_x, int at_y, std::string_view anchor, std::string_view text) {
        out_ += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\" fill=\"#333\">", at_x, at_y,
                            anchor);
        append_escaped(out_, text);
        out_ += "</text>\n";
    }

    void add_axes() {
        for (const Price& tick : axis_.ticks()) {
            out_ += fmt::format("<path d=\"M{} {}h{}\" stroke=\"#ddd\"/>\n", left_, y(tick),
                                plot_width_);
            add_text(left_ - 6, y(tick) + 4, "end", tick.to_string());
        }
        const int bottom = kTop + plot_height_;
        for (const TimeMark& mark :
             time_marks(chart_.from, chart_.to, std::max(2, plot_width_ / 90))) {
            out_ += fmt::format("<path d=\"M{} {}v5\" stroke=\"#333\"/>\n", x(mark.at), bottom);
            add_text(x(mark.at), bottom + 18, "middle", mark.label);
        }
        out_ += fmt::format("<path d=\"M{} {}v{}h{}\" fill=\"none\" stroke=\"#333\"/>\n", left_,
                            kTop, plot_height_, plot_width_);
    }

    void add_missing() {
        int last = -1;
        for (const Timestamp slot : chart_.missing) {
            if (x(slot) == last) continue;
            last = x(slot);
            out_ += fmt::format("<path class=\"missing\" d=\"M{} {}v-8\" stroke=\"#c22\"/>\n", last,
                                kTop + plot_height_);
        }
    }

    // One line for each run of joined points; a point alone is a dot.
    void add_lines() {
        const auto& points = chart_.points;
        for (std::size_t i = 0; i < points.size();) {
            std::size_t end = i + 1;
            while (end < points.size() && points[end].joined) ++end;
            if (end == i + 1) {
                out_ += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"2\" fill=\"#15c\"/>\n",
                                    x(points[i].at), y(points[i].price));
            } else {
                out_ += "<polyline fill=\"none\" stroke=\"#15c\" stroke-width=\"1.5\" points=\"";
                for (std::size_t at = i; at < end; ++at) {
                    out_ += fmt::format("{}{},{}", at > i ? " " : "", x(points[at].at),
                                        y(points[at].price));
                }
                out_ += "\"/>\n";
            }
            i = end;
        }
    }

    const Chart& chart_;
    const PriceAxis& axis_;
    const int width_;
    const int height_;
    int left_ = 20;
    int plot_width_ = 0;
    int plot_height_ = 0;
    std::string out_;
};

}  // namespace

Result<std::string> chart_svg(const Chart& chart, int width, int height) {
    TAPEDECK_ASSERT(!chart.points.empty() && chart.from < chart.to);
    width = std::clamp(width, 200, 20'000);
    height = std::clamp(height, 150, 20'000);
    const auto axis = PriceAxis::make(chart.points, std::max(3, (height - kTop - kBottom) / 30));
    if (!axis) return axis.error();
    return SvgChart(chart, *axis, width, height).text();
}

}  // namespace tapedeck
