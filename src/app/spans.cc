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

Result<Reader> open_reader(const Globals& globals) {
    auto config = load_globals(globals);
    if (!config) return config.error();
    Assembly::Options opening;
    opening.tape = TapeUse::look;
    opening.must_exist = true;
    opening.log_least = Severity::error;
    auto assembly = Assembly::open(*std::move(config), std::move(opening));
    if (!assembly) return assembly.error();
    Reader reader{*std::move(assembly), {}, {}, {}};
    auto expectations = reader.assembly->expectations();
    if (!expectations) return expectations.error();
    reader.expectations = *std::move(expectations);
    auto feeds = reader.assembly->feeds_ever();
    if (!feeds) return feeds.error();
    reader.feeds = *std::move(feeds);
    reader.now = reader.assembly->clock().now();
    auto reached = demo_time_reached(reader.assembly->store());
    if (!reached) return reached.error();
    if (*reached) reader.now = **reached;
    return reader;
}

Result<std::vector<CoverageRow>> coverage_now(Reader& reader, const SpanOptions& options, Span span,
                                              std::int64_t* closed) {
    CoverageLedger ledger(reader.assembly->store(), reader.assembly->tape(), reader.feeds);
    std::vector<CoverageRow> rows;
    for (const auto& [name, feed] : reader.feeds) {
        if (!options.feed.empty() && options.feed != name) continue;
        std::vector<Expectation> of_feed;
        for (const Expectation& one : reader.expectations) {
            if (one.feed == name) of_feed.push_back(one);
        }
        if (of_feed.empty()) continue;
        const Timestamp from = std::max(span.from, of_feed.front().from);
        if (from >= span.to) continue;
        auto stored = ledger.stored(name, from, span.to);
        if (!stored) return stored.error();
        const auto pending =
            std::ranges::find(*stored, CoverageState::pending,
                              [](const CoverageRow& row) { return row.verdict.state; });
        Timestamp open_from = stored->empty() ? from : stored->back().slot + 1us;
        if (pending != stored->end()) open_from = pending->slot;
        auto derived = ledger.derive_range(of_feed, open_from, span.to, reader.now);
        if (!derived) return derived.error();
        std::erase_if(*stored, [&](const CoverageRow& row) { return row.slot >= open_from; });
        for (auto* part : {&*stored, &*derived}) {
            for (CoverageRow& row : *part) {
                if (!options.instrument.empty() && options.instrument != row.instrument) continue;
                rows.push_back(std::move(row));
            }
        }
        if (closed == nullptr) continue;
        for (const Expectation& one : of_feed) {
            const auto count = options.instrument.empty()
                                   ? one.instruments.size()
                                   : static_cast<std::size_t>(
                                         std::ranges::count(one.instruments, options.instrument));
            const Timestamp end = std::min({span.to, one.to, reader.now});
            one.schedule->for_each_instant(std::max(from, one.from), end,
                                           [&](Timestamp, bool open) {
                                               if (!open)
                                                   *closed += static_cast<std::int64_t>(count);
                                           });
        }
    }
    return rows;
}

}  // namespace tapedeck
