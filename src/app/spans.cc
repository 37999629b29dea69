#include "app/spans.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/demo.h"
#include "app/load_globals.h"
#include "app/moment.h"
#include "app/waiting_beside.h"
#include "market/instrument_name.h"

namespace tapedeck {

using namespace std::chrono_literals;

Result<std::optional<Timestamp>> moment_of(const Globals& globals, const std::string& option,
                                           const std::string& text, Timestamp now) {
    if (text.empty()) return std::optional<Timestamp>();
    const auto moment = moment_named(text, now, globals.zone);
    if (!moment) return in_context(option, moment.error());
    return std::optional(*moment);
}

Result<Span> span_of(const Globals& globals, const SpanOptions& options, Timestamp now) {
    Span span{Timestamp(0s), now + 1us};
    if (!options.day.empty()) {
        const auto day = day_named(options.day, now, globals.zone);
        if (!day) return day.error();
        span = {day->begin, std::min(day->end, now + 1us)};
    }
    const auto from = moment_of(globals, "--from", options.from, now);
    if (!from) return from.error();
    const auto to = moment_of(globals, "--to", options.to, now);
    if (!to) return to.error();
    if (*from) span.from = std::max(span.from, **from);
    if (*to) span.to = std::min(span.to, **to);
    if (*from && *to && **from >= **to) {
        return Error{ErrorKind::malformed,
                     fmt::format("nothing lies from {} to {}: the end comes first",
                                 format_rfc3339(**from), format_rfc3339(**to))};
    }
    return span;
}

std::string meant_instrument(const Reader& reader, const std::string& feed,
                             const std::string& name) {
    const bool known = std::ranges::any_of(reader.expectations, [&](const Expectation& one) {
        return (feed.empty() || feed == one.feed) && std::ranges::count(one.instruments, name) > 0;
    });
    if (known) return name;
    const bool some_stocks = std::ranges::any_of(reader.feeds, [&](const auto& one) {
        return (feed.empty() || feed == one.first) && one.second.table.form == RecordForm::stock;
    });
    return some_stocks ? std::string(instrument_of(name, RecordForm::stock)) : name;
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
    opening.quiet = globals.quiet;
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
    reader.held_back = waiting_beside(*reader.assembly);
    auto reached = demo_time_reached(reader.assembly->store());
    if (!reached) return reached.error();
    reader.simulated = reached->has_value();
    if (*reached) reader.now = **reached;
    return reader;
}

std::vector<std::string> Reader::feeds_named(const std::string& feed) const {
    if (!feed.empty()) return {feed};
    std::vector<std::string> names;
    for (const auto& [name, one] : feeds) names.push_back(name);
    return names;
}

}  // namespace tapedeck
