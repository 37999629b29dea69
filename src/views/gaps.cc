#include "views/gaps.h"

namespace tapedeck {

Result<> read_gaps(Store& store, CoverageView& coverage, const GapQuestion& question,
                   const GapSinks& sinks) {
    const Span span = question.span;
    for (const std::string& feed : question.feeds) {
        auto done = sinks.run ? coverage.gap_runs(feed, question.instrument, span, sinks.run)
                              : coverage.each_gap(feed, question.instrument, span, sinks.gap);
        if (!done) return done;
    }
    auto tried = each_failed_hand_try(store, question.feed, question.instrument, span.from, span.to,
                                      sinks.tried);
    if (!tried) return tried;
    if (!question.instrument.empty()) return {};  // nobody knows whose messages are gone
    return each_tape_gap(store, question.topic, span.from, span.to, sinks.lost);
}

void write_gap(JsonWriter& json, const CoverageRow& row) {
    json.begin_object().key("feed").text(row.feed);
    json.key("slot").text(format_rfc3339(row.slot)).key("instrument").text(row.instrument);
    json.key("state").text(to_string(row.verdict.state));
    json.key("reason").text(row.verdict.reason).key("what").text(row.verdict.what);
    json.end_object();
}

void write_hand_try(JsonWriter& json, const HandTry& one) {
    json.begin_object().key("feed").text(one.feed).key("slot").text(format_rfc3339(one.slot));
    json.key("instrument").text(one.instrument).key("state").text("unexpected");
    json.key("reason").text(one.reason).key("what").text(one.what);
    json.key("run").text(one.run_id).end_object();
}

void write_lost(JsonWriter& json, const LostMessages& lost) {
    json.begin_object().key("topic").text(lost.gap.at.topic);
    json.key("partition").number(lost.gap.at.partition.value());
    json.key("from_offset").number(lost.gap.from.value());
    json.key("to_offset").number(lost.gap.to.value()).key("state").text("lost");
    json.key("reason").text("tape_gap").key("noticed");
    json.text(format_rfc3339(lost.recorded_at)).end_object();
}

}  // namespace tapedeck
