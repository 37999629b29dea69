#include <fmt/format.h>

#include <algorithm>

#include "app/spans.h"
#include "app/verbs.h"
#include "base/json_writer.h"
#include "pipeline/audit.h"
#include "pipeline/parity.h"

namespace tapedeck {
namespace {

bool is_gap(CoverageState state) {
    switch (state) {
        case CoverageState::failed:
        case CoverageState::missed:
        case CoverageState::lost:
        case CoverageState::quarantined:
            return true;
        default:
            return false;
    }
}

// The same state and reason of one instrument in slots that follow one another.
struct GapRun {
    const CoverageRow* first;
    const CoverageRow* last;
    std::int64_t slots;
};

std::vector<GapRun> runs_of(const std::vector<CoverageRow>& rows) {
    std::map<std::pair<std::string_view, std::string_view>, std::vector<const CoverageRow*>>
        by_name;
    for (const CoverageRow& row : rows) by_name[{row.feed, row.instrument}].push_back(&row);
    std::vector<GapRun> runs;
    for (const auto& [name, all] : by_name) {
        const CoverageRow* before = nullptr;
        for (const CoverageRow* row : all) {
            const bool gap = is_gap(row->verdict.state);
            const bool same = before != nullptr && gap && is_gap(before->verdict.state) &&
                              before->verdict.state == row->verdict.state &&
                              before->verdict.reason == row->verdict.reason;
            if (same) {
                runs.back().last = row;
                ++runs.back().slots;
            } else if (gap) {
                runs.push_back({row, row, 1});
            }
            before = row;
        }
    }
    std::ranges::stable_sort(runs, {}, [](const GapRun& run) { return run.first->slot; });
    return runs;
}

std::string json_of(const std::vector<CoverageRow>& rows) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    for (const CoverageRow& row : rows) {
        if (!is_gap(row.verdict.state)) continue;
        json.begin_object().key("feed").text(row.feed);
        json.key("slot").text(format_rfc3339(row.slot)).key("instrument").text(row.instrument);
        json.key("state").text(to_string(row.verdict.state));
        json.key("reason").text(row.verdict.reason).key("what").text(row.verdict.what);
        json.end_object();
    }
    json.end_array();
    return out + "\n";
}

void write_sums(JsonWriter& json, const std::map<std::string, CoverageSum>& feeds) {
    json.key("feeds").begin_object();
    for (const auto& [name, sum] : feeds) {
        json.key(name).begin_object().key("expected").number(sum.expected);
        for (const CoverageState state : coverage_states()) {
            json.key(to_string(state)).number(sum.of(state));
        }
        json.end_object();
    }
    json.end_object();
}

std::string json_of(const AuditReport& report, const Parity& parity) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    write_sums(json, report.feeds);
    json.key("messages").number(report.messages).key("prices").number(report.prices);
    json.key("unsettled").number(report.unsettled);
    json.key("differences").begin_array();
    for (const AuditDifference& one : report.differences) {
        json.begin_object().key("feed").text(one.feed).key("slot");
        if (one.slot) {
            json.text(format_rfc3339(*one.slot));
        } else {
            json.null();
        }
        json.key("instrument").text(one.instrument);
        json.key("stored").text(one.stored).key("derived").text(one.derived).end_object();
    }
    json.end_array().key("parity").begin_object().key("rows").number(parity.rows);
    json.key("rows_hash").text(hex(parity.rows_hash)).key("slots").number(parity.slots);
    json.key("coverage_hash").text(hex(parity.coverage_hash)).end_object();
    json.end_object();
    return out + "\n";
}

void show(const AuditReport& report, const Parity& parity) {
    Table sums({{"feed"}, {"state"}, {"count", Align::right}});
    for (const auto& [name, sum] : report.feeds) {
        sums.add({name, "expected", std::to_string(sum.expected)});
        for (const CoverageState state : coverage_states()) {
            if (sum.of(state) == 0) continue;
            sums.add({name, std::string(to_string(state)), std::to_string(sum.of(state))});
        }
    }
    sums.print();
    print(fmt::format("{} messages read again, {} prices compared with their rows\n",
                      report.messages, report.prices));
    print(fmt::format("parity: {} rows {}, {} slots {}\n", parity.rows,
                      hex(parity.rows_hash).substr(0, 16), parity.slots,
                      hex(parity.coverage_hash).substr(0, 16)));
    if (report.unsettled > 0) {
        print(fmt::format(
            "{} states are not in the ledger yet; the next `tapedeck run` writes them\n",
            report.unsettled));
    }
    if (report.differences.empty()) {
        print("no difference\n");
        return;
    }
    Table differences({{"feed"}, {"slot"}, {"instrument"}, {"stored"}, {"derived"}});
    for (const AuditDifference& one : report.differences) {
        differences.add({one.feed, one.slot ? format_rfc3339(*one.slot) : "", one.instrument,
                         one.stored, one.derived});
    }
    differences.print();
}

}  // namespace

Exit verb_gaps(const Globals& globals, const SpanOptions& options) {
    auto reader = open_reader(globals);
    if (!reader) return fail_opening(reader.error());
    const auto span = span_of(options, reader->now);
    if (!span) return fail(Exit::usage, span.error().what);
    if (check_names(*reader, options) != Exit::fine) return Exit::not_found;
    std::int64_t closed = 0;
    const auto rows = coverage_now(*reader, options, *span, &closed);
    if (!rows) return fail(rows.error());
    const auto runs = runs_of(*rows);
    if (globals.json) {
        print(json_of(*rows));
    } else if (rows->empty() && closed == 0) {
        print("nothing was expected in that time\n");
    } else if (runs.empty()) {
        print("no gaps\n");
    } else {
        Table table({{"feed"},
                     {"instrument"},
                     {"from"},
                     {"to"},
                     {"slots", Align::right},
                     {"state"},
                     {"reason"},
                     {"what"}});
        for (const GapRun& run : runs) {
            const CoverageRow& row = *run.first;
            table.add({row.feed, row.instrument, format_rfc3339(row.slot),
                       format_rfc3339(run.last->slot), std::to_string(run.slots),
                       std::string(to_string(row.verdict.state)), row.verdict.reason,
                       row.verdict.what});
        }
        table.print();
    }
    return runs.empty() ? Exit::fine : Exit::found;
}

Exit verb_audit(const Globals& globals, const SpanOptions& options) {
    auto reader = open_reader(globals);
    if (!reader) return fail_opening(reader.error());
    const auto span = span_of(options, reader->now);
    if (!span) return fail(Exit::usage, span.error().what);
    if (check_names(*reader, options) != Exit::fine) return Exit::not_found;
    std::map<std::string, Feed> feeds = reader->feeds;
    if (!options.feed.empty()) {
        std::erase_if(feeds, [&](const auto& entry) { return entry.first != options.feed; });
    }
    Progress progress("reading the tape");
    const auto report =
        audit(reader->assembly->store(), reader->assembly->tape(), feeds, reader->expectations,
              span->from, span->to, reader->now,
              [&](std::int64_t done, std::int64_t total) { progress.show(done, total); });
    if (!report) return fail(report.error());
    const auto parity = parity_of(reader->assembly->store(), feeds);
    if (!parity) return fail(parity.error());
    if (globals.json) {
        print(json_of(*report, *parity));
    } else {
        show(*report, *parity);
    }
    return report->differences.empty() ? Exit::fine : Exit::found;
}

}  // namespace tapedeck
