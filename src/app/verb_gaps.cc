#include <fmt/format.h>

#include <algorithm>

#include "app/spans.h"
#include "app/verbs.h"
#include "views/gaps.h"

namespace tapedeck {
namespace {

constexpr std::size_t kPrintedAtOnce = 64 * 1024;  // bytes

// Prints an array as it grows.
class JsonArray {
public:
    JsonArray() { json_.begin_array(); }
    JsonWriter& next() {
        if (out_.size() > kPrintedAtOnce) {
            print(out_);
            out_.clear();
        }
        return json_;
    }
    void end() {
        json_.end_array();
        print(out_ + "\n");
    }

private:
    std::string out_;
    JsonWriter json_{out_};
};

Result<> ask_gaps(Reader& reader, const SpanOptions& options, Span span, const GapSinks& sinks) {
    CoverageView coverage = reader.coverage();
    const std::string topic = options.feed.empty() ? "" : reader.feeds.at(options.feed).topic;
    return read_gaps(
        reader.assembly->store(), coverage,
        {reader.feeds_named(options.feed), options.feed, options.instrument, topic, span}, sinks);
}

Result<bool> print_json(Reader& reader, const SpanOptions& options, Span span) {
    JsonArray array;
    bool any = false;
    GapSinks sinks;
    sinks.gap = [&](const CoverageRow& row) -> Result<> {
        any = true;
        write_gap(array.next(), row);
        return {};
    };
    sinks.tried = [&](const HandTry& one) -> Result<> {
        any = true;
        write_hand_try(array.next(), one);
        return {};
    };
    sinks.lost = [&](const LostMessages& lost) -> Result<> {
        any = true;
        write_lost(array.next(), lost);
        return {};
    };
    if (auto done = ask_gaps(reader, options, span, sinks); !done) return done.error();
    array.end();
    return any;
}

Result<bool> print_tables(Reader& reader, const SpanOptions& options, Span span) {
    Table gaps({{"feed"},
                {"instrument"},
                {"from"},
                {"to"},
                {"slots", Align::right},
                {"state"},
                {"reason"},
                {"what"}});
    Table lost({{"topic"},
                {"partition", Align::right},
                {"from offset", Align::right},
                {"to offset", Align::right},
                {"messages", Align::right},
                {"noticed"}});
    GapSinks sinks;
    sinks.run = [&](const GapRun& run) -> Result<> {
        gaps.stream({run.feed, run.instrument, format_rfc3339(run.first), format_rfc3339(run.last),
                     std::to_string(run.slots), std::string(to_string(run.verdict.state)),
                     run.verdict.reason, run.verdict.what});
        return {};
    };
    Table tried({{"feed"}, {"instrument"}, {"slot"}, {"run"}, {"reason"}, {"what"}});
    sinks.tried = [&](const HandTry& one) -> Result<> {
        if (tried.empty()) {
            gaps.print_rest();
            print(gaps.empty() ? "" : "\n");
            print("asked by hand, for slots that no schedule expected:\n");
        }
        tried.stream(
            {one.feed, one.instrument, format_rfc3339(one.slot), one.run_id, one.reason, one.what});
        return {};
    };
    sinks.lost = [&](const LostMessages& one) -> Result<> {
        if (lost.empty()) {
            gaps.print_rest();
            tried.print_rest();
            print(gaps.empty() && tried.empty() ? "" : "\n");
            print("gone from the tape before it was loaded:\n");
        }
        lost.stream({one.gap.at.topic, std::to_string(one.gap.at.partition.value()),
                     std::to_string(one.gap.from.value()), std::to_string(one.gap.to.value()),
                     std::to_string(one.gap.to.value() - one.gap.from.value()),
                     format_rfc3339(one.recorded_at)});
        return {};
    };
    if (auto done = ask_gaps(reader, options, span, sinks); !done) return done.error();
    for (Table* table : {&gaps, &tried, &lost}) table->print_rest();
    if (!gaps.empty() || !tried.empty() || !lost.empty()) return true;
    const CoverageView coverage = reader.coverage();
    const auto feeds = reader.feeds_named(options.feed);
    const bool expected = std::ranges::any_of(feeds, [&](const std::string& feed) {
        return coverage.has_instant(feed, options.instrument, span);
    });
    print(expected ? "no gaps\n" : "nothing was expected in that time\n");
    return false;
}

}  // namespace

Exit verb_gaps(const Globals& globals, const SpanOptions& told) {
    auto reader = open_reader(globals);
    if (!reader) return fail_opening(reader.error());
    SpanOptions options = told;
    options.instrument = meant_instrument(*reader, told.feed, told.instrument);
    const auto span = span_of(globals, options, reader->now);
    if (!span) return fail(Exit::usage, span.error().what);
    if (check_names(*reader, options) != Exit::fine) return Exit::not_found;
    const auto found =
        globals.json ? print_json(*reader, options, *span) : print_tables(*reader, options, *span);
    if (!found) return fail(found.error());
    return *found ? Exit::found : Exit::fine;
}

}  // namespace tapedeck
