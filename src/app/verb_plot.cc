#include <fmt/format.h>

#include <algorithm>

#include "app/export_rows.h"
#include "app/output_file.h"
#include "app/own_files.h"
#include "app/plot_text.h"
#include "app/verbs.h"
#include "base/json_writer.h"
#include "views/source_stats.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

// Slots in which a price was expected and is not there, in order.
Result<std::vector<Timestamp>> missing_slots(Reader& reader, const SpanOptions& options,
                                             Span span) {
    std::vector<Timestamp> missing;
    CoverageView coverage = reader.coverage();
    for (const std::string& feed : reader.feeds_named(options.feed)) {
        auto done = coverage.each_gap(feed, options.instrument, span,
                                      [&](const CoverageRow& row) -> Result<> {
                                          missing.push_back(row.slot);
                                          return {};
                                      });
        if (!done) return done.error();
    }
    std::ranges::sort(missing);
    return missing;
}

// Joins points that follow one another at the usual distance with no missing slot between: neither
// a gap nor a night is drawn as a line.
void join_points(std::vector<ChartPoint>& points, const std::vector<Timestamp>& missing) {
    std::vector<std::int64_t> distances;
    for (std::size_t i = 1; i < points.size(); ++i) {
        distances.push_back((points[i].at - points[i - 1].at).count());
    }
    const auto usual = median(distances);
    for (std::size_t i = 1; i < points.size(); ++i) {
        const auto gap = std::ranges::upper_bound(missing, points[i - 1].at);
        const bool broken = gap != missing.end() && *gap < points[i].at;
        points[i].joined = !broken && distances[i - 1] <= *usual * 3;
    }
}

struct Found {
    std::string feed;
    Chart chart;
    OddPrices odd;  // not drawn
};

// The feed that has the instrument: the one named, else the first that has rows of it.
Result<Found> find_points(Reader& reader, const PlotOptions& options, Span span) {
    Found found;
    const ExportChoice choice{span, options.span.feed, options.span.instrument, {}, false};
    auto done = each_row(
        reader.assembly->store(), reader.feeds, choice, [&](const ExportRow& row) -> Result<> {
            if (found.feed.empty()) found.feed = row.feed;
            if (found.feed != row.feed) return {};
            found.odd.look_at(row);
            if (!row.price.number) return {};
            found.chart.points.push_back({row.slot.value_or(row.date), *row.price.number});
            if (!row.currency.empty()) found.chart.currency = row.currency;
            return {};
        });
    if (!done) return done.error();
    std::ranges::stable_sort(found.chart.points, {}, &ChartPoint::at);
    return found;
}

std::string json_of_plot(const Found& found, const std::string& instrument) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("feed").text(found.feed).key("instrument").text(instrument);
    json.key("currency").text(found.chart.currency).key("points").begin_array();
    for (const ChartPoint& point : found.chart.points) {
        json.begin_object().key("at").text(format_rfc3339(point.at));
        json.key("price").text(point.price.to_string()).key("joined").boolean(point.joined);
        json.end_object();
    }
    json.end_array().key("missing").begin_array();
    for (const Timestamp slot : found.chart.missing) json.text(format_rfc3339(slot));
    json.end_array().end_object();
    return out + "\n";
}

Exit draw(const Globals& globals, const PlotOptions& options, const Found& found) {
    if (!options.svg.empty()) {
        const auto svg = chart_svg(found.chart, options.width > 0 ? options.width : 960,
                                   options.height > 0 ? options.height : 400);
        if (!svg) return fail(svg.error());
        auto file = OutputFile::open(options.svg);
        if (!file) return fail(file.error());
        if (auto done = (*file)->write(*svg); !done) return fail(done.error());
        if (auto done = (*file)->finish(); !done) return fail(done.error());
        if (!globals.quiet) fail(Exit::fine, "drawn in " + options.svg);
        return Exit::fine;
    }
    const auto text =
        chart_text(found.chart, options.width > 0 ? options.width : terminal_columns(),
                   options.height > 0 ? options.height : 24);
    if (!text) return fail(text.error());
    print(*text);
    return Exit::fine;
}

}  // namespace

Exit verb_plot(const Globals& globals, const PlotOptions& told) {
    auto reader = open_reader(globals);
    if (!reader) return fail_opening(reader.error());
    PlotOptions options = told;
    options.span.instrument = meant_instrument(*reader, told.span.feed, told.span.instrument);
    if (auto free = check_output_path(reader->assembly->settings(), options.svg); !free) {
        return fail(free.error());
    }
    const auto span = span_of(globals, options.span, reader->now);
    if (!span) return fail(Exit::usage, span.error().what);
    if (!options.span.feed.empty() && !reader->feeds.contains(options.span.feed)) {
        return fail(Exit::not_found, "there is no feed " + options.span.feed);
    }
    auto found = find_points(*reader, options, *span);
    if (!found) return fail(found.error());
    Chart& chart = found->chart;
    if (!found->odd.sentence().empty() && !globals.quiet) {
        fail(Exit::fine, found->odd.sentence() + "; not drawn");
    }
    if (chart.points.empty()) {
        return fail(Exit::not_found,
                    fmt::format("there is no price of {} in that time", options.span.instrument));
    }
    SpanOptions of_feed = options.span;
    of_feed.feed = found->feed;
    auto missing = missing_slots(*reader, of_feed, *span);
    if (!missing) return fail(missing.error());
    chart.missing = *std::move(missing);
    join_points(chart.points, chart.missing);
    chart.from = chart.points.front().at;
    chart.to = chart.points.back().at;
    if (!chart.missing.empty()) {
        chart.from = std::min(chart.from, chart.missing.front());
        chart.to = std::max(chart.to, chart.missing.back());
    }
    if (chart.from == chart.to) chart.to += 1min;
    chart.title = fmt::format("{} ({}), {} to {}", options.span.instrument, found->feed,
                              format_rfc3339(chart.from), format_rfc3339(chart.to));
    if (globals.json) {
        print(json_of_plot(*found, options.span.instrument));
        return Exit::fine;
    }
    return draw(globals, options, *found);
}

}  // namespace tapedeck
