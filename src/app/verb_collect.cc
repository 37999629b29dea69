#include <fmt/format.h>

#include <algorithm>

#include "app/assembly.h"
#include "app/load_globals.h"
#include "app/run.h"
#include "app/signals.h"
#include "app/verbs.h"
#include "base/json_writer.h"

namespace tapedeck {
namespace {

// The slot that a collection now answers: the last instant of the feed's DAG, or this minute where
// no DAG collects the feed.
Timestamp present_slot(const std::vector<Expectation>& expectations, const std::string& feed,
                       Timestamp now) {
    std::optional<Timestamp> last;
    for (const Expectation& one : expectations) {
        if (one.feed != feed) continue;
        one.schedule->for_each_instant(now - std::chrono::hours(24 * 7), now,
                                       [&](Timestamp slot, bool) { last = slot; });
    }
    return last.value_or(std::chrono::floor<std::chrono::minutes>(now));
}

std::string json_of(const RunOutcomes& run) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("run").text(run.run_id).key("feed").text(run.feed);
    json.key("slot").text(format_rfc3339(run.slot)).key("outcomes").begin_array();
    for (const Outcome& outcome : run.outcomes) {
        json.begin_object().key("instrument").text(outcome.instrument);
        json.key("state").text(outcome.sent ? "sent" : "failed");
        if (outcome.sent) {
            json.key("source").text(outcome.sent->source).key("rule").text(outcome.sent->rule);
            const bool spooled = outcome.sent->topic.starts_with(kSpooled);
            json.key("topic").text(spooled ? outcome.sent->topic.substr(kSpooled.size())
                                           : outcome.sent->topic);
            json.key("spooled").boolean(spooled);
            if (!spooled) {
                json.key("partition").number(outcome.sent->partition.value());
                json.key("offset").number(outcome.sent->offset.value());
            }
        } else {
            json.key("reason").text(row_of(*outcome.reason).ledger).key("what").text(outcome.what);
        }
        json.end_object();
    }
    json.end_array().end_object();
    return out + "\n";
}

void show(const RunOutcomes& run) {
    Table table(
        {{"instrument"}, {"state"}, {"source"}, {"rule or reason"}, {"offset", Align::right}});
    for (const Outcome& outcome : run.outcomes) {
        if (outcome.sent) {
            const bool spooled = outcome.sent->topic.starts_with(kSpooled);
            table.add({outcome.instrument, spooled ? "spooled" : "sent", outcome.sent->source,
                       outcome.sent->rule,
                       spooled ? "" : std::to_string(outcome.sent->offset.value())});
        } else {
            table.add({outcome.instrument, "failed",
                       outcome.attempts.empty() ? "" : outcome.attempts.back().source,
                       fmt::format("{}: {}", row_of(*outcome.reason).ledger, outcome.what), ""});
        }
    }
    table.print();
}

Result<RunOutcomes> collect_now(Assembly& assembly, const Feed& feed, Timestamp slot,
                                const Schedule* schedule, std::stop_token stop) {
    auto client = CurlClient::open(assembly.clock(), curl_options(assembly.settings()));
    if (!client) return client.error();
    SourceStates states(assembly.log());
    Collector collector({assembly.clock(), assembly.tape(), **client, assembly.captures(), states,
                         assembly.secrets(), assembly.log(), process_name()});
    const Timestamp now = assembly.clock().now();
    CollectJob job;
    job.run_id =
        fmt::format("manual/{}/{}/{}", feed.name, format_rfc3339(slot), format_rfc3339(now));
    job.slot = slot;
    job.instruments = feed.instruments;
    job.deadline = now + (schedule != nullptr ? schedule->grace_at(slot)
                                              : std::chrono::microseconds(std::chrono::minutes(2)));
    job.config = assembly.config().digest;
    Progress progress("collecting " + feed.name);
    return collector.collect(feed, job, stop, [&](std::size_t settled) {
        progress.show(static_cast<std::int64_t>(settled),
                      static_cast<std::int64_t>(feed.instruments.size()));
    });
}

}  // namespace

Exit verb_collect(const Globals& globals, const CollectOptions& options) {
    StopOnSignal signals;
    auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    Assembly::Options opening;
    opening.log_least = globals.quiet ? Severity::error : Severity::warn;
    opening.store = false;  // a tape in Kafka is enough: the account on it tells the rest
    auto opened = Assembly::open(*std::move(config), std::move(opening));
    if (!opened) return fail(opened.error());
    Assembly& assembly = **opened;
    const auto feed = assembly.feeds().find(options.feed);
    if (feed == assembly.feeds().end()) {
        return fail(Exit::not_found, fmt::format("there is no feed {}", options.feed));
    }
    if (feed->second.sources.empty()) {
        return fail(Exit::failed, fmt::format("feed {} has no sources", options.feed));
    }
    if (feed->second.instruments.empty()) {
        return fail(Exit::failed, fmt::format("feed {} has no instruments: nobody is asked for it",
                                              options.feed));
    }
    std::unique_ptr<Lease> lease;
    Result<std::vector<Expectation>> expectations = std::vector<Expectation>();
    if (assembly.has_store()) {
        auto asked = assembly.store().acquire_lease(process_name());
        if (!asked) return fail(asked.error());
        lease = *std::move(asked);
        if (auto noted = assembly.note_config(); !noted) return fail(noted.error());
        expectations = assembly.expectations();
    } else {
        expectations = assembly.expectations_now();
    }
    if (!expectations) return fail(expectations.error());
    const Timestamp now = assembly.clock().now();
    const Timestamp slot = options.slot.value_or(present_slot(*expectations, options.feed, now));
    if (slot > now + std::chrono::minutes(1)) {
        return fail(Exit::usage, fmt::format("the slot {} has not come yet", format_rfc3339(slot)));
    }
    const auto one = std::ranges::find(*expectations, options.feed, &Expectation::feed);
    auto run =
        collect_now(assembly, feed->second, slot,
                    one == expectations->end() ? nullptr : one->schedule.get(), signals.token());
    if (!run) {
        const Exit exit = fail(run.error());
        assembly.rescue(now);
        return exit;
    }
    if (globals.json) {
        print(json_of(*run));
    } else {
        show(*run);
    }
    if (assembly.spool() != nullptr && !globals.quiet) {
        const auto sizes = assembly.spool()->sizes();
        if (sizes && sizes->messages > 0) {
            fail(Exit::fine, fmt::format("{} messages wait in {}: Kafka is away; whoever next "
                                         "collects or runs here brings them there",
                                         sizes->messages, assembly.spool()->path()));
        }
    }
    const auto failed =
        std::ranges::count_if(run->outcomes, [](const Outcome& o) { return !o.sent.has_value(); });
    if (failed == 0) return Exit::fine;
    const bool none = failed == static_cast<std::ptrdiff_t>(run->outcomes.size());
    const bool away = std::ranges::all_of(run->outcomes, [](const Outcome& o) {
        return o.sent || *o.reason == Reason::unreachable || *o.reason == Reason::refused ||
               *o.reason == Reason::timeout;
    });
    return none && away ? Exit::unreachable : Exit::found;
}

}  // namespace tapedeck
