#include "views/source_stats.h"

#include <fmt/format.h>

#include <algorithm>

#include "store/row_text.h"

namespace tapedeck {
namespace {

bool was_asked(const std::optional<Reason>& reason) {
    return reason != Reason::resting && reason != Reason::out_of_time;
}

// Columns: url, started, took_ms, status, bytes, capture, reason, what, from `first` on.
constexpr std::string_view kAttempt = "url, started, took_ms, status, bytes, capture, reason, what";
Attempt attempt_of(const RowView& row, int first, std::string source) {
    Attempt attempt;
    attempt.source = std::move(source);
    attempt.url = text_or_empty(row, first);
    attempt.started = row.timestamp(first + 1);
    attempt.took = std::chrono::milliseconds(row.integer(first + 2));
    attempt.status = static_cast<int>(row.integer(first + 3));
    attempt.bytes = row.integer(first + 4);
    attempt.capture = text_or_empty(row, first + 5);
    attempt.reason = reason_named(text_or_empty(row, first + 6));
    attempt.what = text_or_empty(row, first + 7);
    return attempt;
}

}  // namespace

Result<std::map<std::string, SourceStats>> source_stats(Store& store, Timestamp from,
                                                        Timestamp to) {
    std::map<std::string, SourceStats> all;
    auto done = store.query({"select distinct source from attempts", {}, {}},
                            [&](const RowView& row) -> Result<> {
                                all.try_emplace(std::string(row.text(0)));
                                return {};
                            });
    if (!done) return done.error();
    for (auto& [source, stats] : all) {
        done = store.query({"select took_ms, reason from attempts where source = $1 and started >= "
                            "$2 and started < $3",
                            {source, from, to},
                            {}},
                           [&, &stats = stats](const RowView& row) -> Result<> {
                               const auto reason = reason_named(text_or_empty(row, 1));
                               if (!was_asked(reason)) return {};
                               ++stats.asked;
                               if (row.is_null(1)) ++stats.answered;
                               stats.took_ms.push_back(row.integer(0));
                               return {};
                           });
        if (!done) return done.error();
        done = store.query({"select started from attempts where source = $1 and started < $2 and "
                            "reason is null order by started desc limit 1",
                            {source, to},
                            {}},
                           [&, &stats = stats](const RowView& row) -> Result<> {
                               stats.last_price = row.timestamp(0);
                               return {};
                           });
        if (!done) return done.error();
        done = store.query(
            {fmt::format("select {} from attempts where source = $1 and started < $2 and reason is "
                         "not null and reason not in ('resting', 'out_of_time') order by started "
                         "desc limit 1",
                         kAttempt),
             {source, to},
             {}},
            [&, &name = source, &stats = stats](const RowView& row) -> Result<> {
                stats.last_failure = attempt_of(row, 0, name);
                return {};
            });
        if (!done) return done.error();
    }
    return all;
}

Result<std::vector<SourceAttempt>> last_attempts(Store& store, const std::string& source,
                                                 int count) {
    std::vector<SourceAttempt> attempts;
    auto done =
        store.query({fmt::format("select feed, instrument, slot, {} from attempts where source = "
                                 "$1 order by started desc limit {}",
                                 kAttempt, count),
                     {source},
                     {}},
                    [&](const RowView& row) -> Result<> {
                        attempts.push_back({std::string(row.text(0)), std::string(row.text(1)),
                                            row.timestamp(2), attempt_of(row, 3, source)});
                        return {};
                    });
    if (!done) return done.error();
    return attempts;
}

std::optional<std::int64_t> median(std::vector<std::int64_t> values) {
    if (values.empty()) return {};
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

std::string percent_of(std::int64_t part, std::int64_t whole) {
    if (whole == 0) return {};
    const std::int64_t permille = part * 1000 / whole;
    return fmt::format("{}.{}", permille / 10, permille % 10);
}

void write_attempt(JsonWriter& json, const Attempt& attempt) {
    json.key("url").text(attempt.url).key("at").text(format_rfc3339(attempt.started));
    json.key("took_ms").number(attempt.took.count()).key("status").number(attempt.status);
    json.key("bytes").number(attempt.bytes).key("capture").text(attempt.capture);
    json.key("reason");
    if (attempt.reason) {
        json.text(row_of(*attempt.reason).name);
    } else {
        json.null();
    }
    json.key("what").text(attempt.what);
}

void write_stats(JsonWriter& json, const SourceStats& stats) {
    json.key("asked").number(stats.asked).key("answered").number(stats.answered);
    json.key("failed").number(stats.failed()).key("success_percent");
    const std::string percent = percent_of(stats.answered, stats.asked);
    json.raw(percent.empty() ? "null" : percent).key("median_ms");
    if (const auto middle = median(stats.took_ms)) {
        json.number(*middle);
    } else {
        json.null();
    }
    write_time(json, "last_price", stats.last_price);
    json.key("last_failure");
    if (stats.last_failure) {
        json.begin_object();
        write_attempt(json, *stats.last_failure);
        json.end_object();
    } else {
        json.null();
    }
}

}  // namespace tapedeck
