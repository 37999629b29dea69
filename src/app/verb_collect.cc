#include <fmt/format.h>

#include <algorithm>

#include "app/assembly.h"
#include "app/collect_slot.h"
#include "app/config_history.h"
#include "app/curl_options.h"
#include "app/demo.h"
#include "app/load_globals.h"
#include "app/signals.h"
#include "app/verbs.h"
#include "base/json_writer.h"

namespace tapedeck {
namespace {

std::string json_of_run(const RunOutcomes& run) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("run").text(run.run_id).key("feed").text(run.feed);
    json.key("slot");
    if (run.run_id.starts_with(kOffSchedule)) {
        json.null();
    } else {
        json.text(format_rfc3339(run.slot));
    }
    json.key("outcomes").begin_array();
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

void show_run(const RunOutcomes& run) {
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

// What is to be done at `now`; without a slot, off the schedule.
CollectJob job_of(const Feed& feed, const std::optional<AnswerableSlot>& slot, Timestamp now,
                  const std::string& config) {
    CollectJob job;
    job.slot = slot ? slot->slot : now;
    job.run_id = slot ? fmt::format("manual/{}/{}/{}", feed.name, format_rfc3339(slot->slot),
                                    format_rfc3339(now))
                      : fmt::format("{}{}/{}", kOffSchedule, feed.name, format_rfc3339(now));
    job.off_schedule = !slot;
    job.instruments = feed.instruments;
    job.deadline = slot ? slot->until : now + std::chrono::minutes(2);
    job.config = config;
    return job;
}

Result<RunOutcomes> collect_now(Assembly& assembly, const Feed& feed, const CollectJob& job,
                                std::stop_token stop) {
    auto client = CurlClient::open(assembly.clock(), curl_options(assembly.settings()));
    if (!client) return client.error();
    SourceStates states(assembly.log());
    Collector collector({assembly.clock(), assembly.tape(), **client, assembly.captures(), states,
                         assembly.secrets(), assembly.log(), process_name()});
    Progress progress("collecting " + feed.name);
    return collector.collect(feed, job, stop, [&](std::size_t settled) {
        progress.show(static_cast<std::int64_t>(settled),
                      static_cast<std::int64_t>(feed.instruments.size()));
    });
}

// Takes the lease where there is a store; a demo's is refused.
Result<std::unique_ptr<Lease>> take_store(Assembly& assembly) {
    if (!assembly.has_store()) return std::unique_ptr<Lease>();
    auto lease = assembly.store().acquire_lease(process_name());
    if (!lease) return lease.error();
    if (auto real = refuse_demo_store(assembly); !real) return real.error();
    return *std::move(lease);
}

// The slot that is answered; waits for one that is about to come. No time to wait: none.
std::variant<AnswerableSlot, SlotRefusal> slot_of(Assembly& assembly, const CollectOptions& options,
                                                  std::stop_token stop) {
    FirstSeen seen;
    if (assembly.has_store()) {
        auto read = first_seen_dags(assembly.store());
        if (!read) return SlotRefusal{exit_of(read.error().kind), read.error().what};
        seen = *std::move(read);
    }
    const auto schedules = schedules_of(assembly.dags(), options.feed, seen);
    if (!schedules) return SlotRefusal{Exit::failed, schedules.error().what};
    Clock& clock = assembly.clock();
    auto answer = slot_to_answer(*schedules, options.feed, options.slot, clock.now());
    if (const auto* slot = std::get_if<AnswerableSlot>(&answer)) {
        while (clock.now() < slot->slot && !stop.stop_requested()) {
            clock.sleep_until(slot->slot, stop);
        }
    }
    return answer;
}

}  // namespace

Exit verb_collect(const Globals& globals, const CollectOptions& options) {
    if (options.off_schedule && options.slot) {
        return fail(Exit::usage, "either --slot or --off-schedule, not both");
    }
    StopOnSignal signals;
    auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    Assembly::Options opening;
    opening.log_least = Severity::warn;
    opening.quiet = globals.quiet;
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
    const auto lease = take_store(assembly);
    if (!lease) return fail(lease.error());
    std::optional<AnswerableSlot> slot;
    if (!options.off_schedule) {
        auto answer = slot_of(assembly, options, signals.token());
        if (const auto* refusal = std::get_if<SlotRefusal>(&answer)) {
            return fail(refusal->exit, refusal->what);
        }
        slot = std::get<AnswerableSlot>(answer);
    }
    const Timestamp now = assembly.clock().now();
    auto deployment = assembly.deployment();
    if (!deployment) return fail(deployment.error());
    CollectJob job = job_of(feed->second, slot, now, assembly.config().digest);
    if (!deployment->empty()) job.run_id += "/" + *deployment;
    job.deployment = *std::move(deployment);
    auto run = collect_now(assembly, feed->second, job, signals.token());
    if (!run) {
        const Exit exit = fail(run.error());
        assembly.rescue(now);
        return exit;
    }
    if (globals.json) {
        print(json_of_run(*run));
    } else {
        show_run(*run);
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
