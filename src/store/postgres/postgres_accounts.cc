#include "store/postgres/postgres_accounts.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "store/batch_rules.h"

namespace tapedeck {
namespace {

std::string text_or_null(std::string_view text) {
    return text.empty() ? std::string("null") : literal(text);
}

std::string reason_literal(const std::optional<Reason>& reason) {
    return reason ? literal(row_of(*reason).name) : std::string("null");
}

std::string outcome_values(const RunOutcomes& run, const Outcome& outcome, Timestamp recorded_at) {
    std::string sent;
    if (outcome.sent) {
        sent = fmt::format("{}, {}, {}, {}, {}", literal(outcome.sent->source),
                           literal(outcome.sent->rule), literal(outcome.sent->topic),
                           outcome.sent->partition.value(), outcome.sent->offset.value());
    } else {
        sent =
            literal(outcome.attempts.empty() ? std::string_view()
                                             : std::string_view(outcome.attempts.back().source)) +
            ", '', null, null::bigint, null::bigint";
    }
    return fmt::format(
        "({}, {}, {}, {}, {}, '{}', {}, {}, {}, {}, {}, {}, {}, {}, {})", literal(run.run_id),
        literal(run.feed), literal_time(run.slot), run.try_number, literal(outcome.instrument),
        outcome.sent ? "sent" : "failed", reason_literal(outcome.reason), literal(outcome.what),
        sent, text_or_null(capture_of(outcome)), literal(run.config), literal(run.collector),
        literal_time(run.started), literal_time(run.ended), literal_time(recorded_at));
}

std::string attempt_values(const RunOutcomes& run, const Outcome& outcome, std::size_t ordinal) {
    const Attempt& attempt = outcome.attempts[ordinal];
    return fmt::format("({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
                       literal(run.run_id), run.try_number, literal(outcome.instrument), ordinal,
                       literal(run.feed), literal_time(run.slot), literal(attempt.source),
                       literal(attempt.url), literal_time(attempt.started), attempt.took.count(),
                       attempt.status, attempt.bytes, text_or_null(attempt.capture),
                       reason_literal(attempt.reason), literal(attempt.what));
}

}  // namespace

std::string literal_time(Timestamp time) { return literal(format_rfc3339(time)); }

void append_account(std::string& sql, const RunOutcomes& run, Timestamp recorded_at) {
    std::vector<std::string> outcomes;
    std::vector<std::string> attempts;
    for (const Outcome& outcome : run.outcomes) {
        outcomes.push_back(outcome_values(run, outcome, recorded_at));
        for (std::size_t i = 0; i < outcome.attempts.size(); ++i) {
            attempts.push_back(attempt_values(run, outcome, i));
        }
    }
    if (!outcomes.empty()) {
        sql += fmt::format(
            "insert into outcomes (run_id, feed, slot, try, instrument, state, reason, what,"
            " source, rule, topic, partition, message_offset, capture, config, collector, started,"
            " ended, recorded_at) values {} on conflict do nothing;",
            fmt::join(outcomes, ", "));
    }
    if (!attempts.empty()) {
        sql += fmt::format(
            "insert into attempts (run_id, try, instrument, ordinal, feed, slot, source, url,"
            " started, took_ms, status, bytes, capture, reason, what) values {}"
            " on conflict do nothing;",
            fmt::join(attempts, ", "));
    }
}

}  // namespace tapedeck
