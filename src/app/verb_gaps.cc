#include <fmt/format.h>

#include <algorithm>

#include "app/spans.h"
#include "app/verbs.h"
#include "base/json_writer.h"

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

}  // namespace tapedeck
