#include "app/spans.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/demo.h"
#include "app/load_globals.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

Result<Timestamp> day_named(const std::string& text, Timestamp now) {
    const auto today = std::chrono::floor<std::chrono::days>(now);
    if (text == "today") return Timestamp(today);
    if (text == "yesterday") return Timestamp(today - std::chrono::days(1));
    if (text.size() != 10) {
        return Error{ErrorKind::malformed,
                     fmt::format("not a day such as 2026-11-24, today or yesterday: '{}'", text)};
    }
    return parse_rfc3339(text);
}

// The instruments of closed slots; of one instrument where one is named.
std::int64_t count_closed(std::span<const Expectation> expected, const std::string& instrument,
                          Span span, Timestamp now) {
    std::int64_t closed = 0;
    for (const Expectation& one : expected) {
        const auto count =
            instrument.empty()
                ? static_cast<std::int64_t>(one.instruments.size())
                : static_cast<std::int64_t>(std::ranges::count(one.instruments, instrument));
        one.schedule->for_each_instant(std::max(span.from, one.from),
                                       std::min({span.to, one.to, now}), [&](Timestamp, bool open) {
                                           if (!open) closed += count;
                                       });
    }
    return closed;
}

}  // namespace

Result<Span> span_of(const SpanOptions& options, Timestamp now) {
    Span span{Timestamp(0s), now + 1us};
    if (!options.day.empty()) {
        const auto day = day_named(options.day, now);
        if (!day) return day.error();
        span = {*day, std::min(*day + std::chrono::days(1), now + 1us)};
    }
    if (options.from) span.from = std::max(span.from, *options.from);
    if (options.to) span.to = std::min(span.to, *options.to);
    if (options.from && options.to && *options.from >= *options.to) {
        return Error{ErrorKind::malformed,
                     fmt::format("nothing lies from {} to {}: the end comes first",
                                 format_rfc3339(*options.from), format_rfc3339(*options.to))};
    }
    return span;
}

Exit check_names(const Reader& reader, const SpanOptions& options) {
    if (!options.feed.empty() && !reader.feeds.contains(options.feed)) {
        return fail(Exit::not_found, "there is no feed " + options.feed);
    }
    if (options.instrument.empty()) return Exit::fine;
    const bool known = std::ranges::any_of(reader.expectations, [&](const Expectation& one) {
        return (options.feed.empty() || options.feed == one.feed) &&
               std::ranges::count(one.instruments, options.instrument) > 0;
    });
    if (known) return Exit::fine;
    return fail(Exit::not_found, fmt::format("{} is no instrument of {}", options.instrument,
                                             options.feed.empty() ? "any feed" : options.feed));
}

Result<Reader> open_reader(const Globals& globals, bool writes) {
    auto config = load_globals(globals);
    if (!config) return config.error();
    Assembly::Options opening;
    opening.tape = TapeUse::look;
    opening.must_exist = true;
    opening.only_look = !writes;
    opening.log_least = Severity::error;
    auto assembly = Assembly::open(*std::move(config), std::move(opening));
    if (!assembly) return assembly.error();
    Reader reader{*std::move(assembly), {}, {}, {}, {}};
    auto expectations = reader.assembly->expectations();
    if (!expectations) return expectations.error();
    reader.expectations = *std::move(expectations);
    auto feeds = reader.assembly->feeds_ever();
    if (!feeds) return feeds.error();
    reader.feeds = *std::move(feeds);
    reader.now = reader.assembly->clock().now();
    auto reached = demo_time_reached(reader.assembly->store());
    if (!reached) return reached.error();
    reader.simulated = reached->has_value();
    if (*reached) reader.now = **reached;
    return reader;
}

Result<std::vector<CoverageRow>> coverage_now(Reader& reader, const SpanOptions& options, Span span,
                                              std::int64_t* closed) {
    CoverageLedger ledger(reader.assembly->store(), reader.assembly->tape(), reader.feeds);
    std::vector<CoverageRow> rows;
    for (const auto& [name, feed] : reader.feeds) {
        if (!options.feed.empty() && options.feed != name) continue;
        const auto expected = of_feed(reader.expectations, name);
        if (expected.empty()) continue;
        const Timestamp from = std::max(span.from, expected.front().from);
        if (from >= span.to) continue;
        const auto open_from = ledger.open_from(name, from, span.to);
        if (!open_from) return open_from.error();
        auto stored = ledger.stored(name, from, *open_from);
        if (!stored) return stored.error();
        auto derived = ledger.derive_range(expected, *open_from, span.to, reader.now);
        if (!derived) return derived.error();
        for (auto* part : {&*stored, &*derived}) {
            for (CoverageRow& row : *part) {
                if (!options.instrument.empty() && options.instrument != row.instrument) continue;
                rows.push_back(std::move(row));
            }
        }
        if (closed == nullptr) continue;
        *closed += count_closed(expected, options.instrument, {from, span.to}, reader.now);
    }
    return rows;
}

Result<CoverageSpans> coverage_sums(Reader& reader, const std::string& feed, Timestamp day) {
    CoverageSpans out;
    const auto expected = of_feed(reader.expectations, feed);
    if (expected.empty()) return out;
    CoverageLedger ledger(reader.assembly->store(), reader.assembly->tape(), reader.feeds);
    const Timestamp begin = expected.front().from;
    const Timestamp end = reader.now + 1us;
    const auto open_from = ledger.open_from(feed, begin, end);
    if (!open_from) return open_from.error();
    const auto derived = ledger.derive_range(expected, *open_from, end, reader.now);
    if (!derived) return derived.error();
    for (CoverageSpan* span : {&out.all, &out.today}) {
        const Timestamp from = span == &out.all ? begin : std::max(begin, day);
        auto stored = ledger.sum_stored(feed, from, *open_from);
        if (!stored) return stored.error();
        *span = *std::move(stored);
        for (const CoverageRow& row : *derived) {
            if (row.slot < from) continue;
            span->sum.add(row.verdict.state);
            span->last_slot = row.slot;
        }
        const auto closed = count_closed(expected, {}, {from, end}, reader.now);
        if (closed > 0) span->sum.add(CoverageState::closed, closed);
    }
    return out;
}

}  // namespace tapedeck
