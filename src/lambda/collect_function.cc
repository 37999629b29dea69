#include "lambda/collect_function.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_writer.h"
#include "lambda/lambda_events.h"
#include "market/outcome.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr milliseconds kLeastTime{300};             // in which nothing can be asked and sent
constexpr std::size_t kMostOfAnAnswer = 5'500'000;  // AWS takes 6 MB

Error bad(std::string what) { return {ErrorKind::malformed, "the event: " + std::move(what)}; }

void write_outcome(JsonWriter& json, const Outcome& outcome) {
    json.begin_object().key("instrument").text(outcome.instrument);
    if (outcome.sent) {
        json.key("source").text(outcome.sent->source).key("topic").text(outcome.sent->topic);
        json.key("partition").number(outcome.sent->partition.value());
        json.key("offset").number(outcome.sent->offset.value());
    } else {
        json.key("reason").text(row_of(*outcome.reason).ledger).key("what").text(outcome.what);
    }
    json.end_object();
}

std::ptrdiff_t sent_count(const RunOutcomes& run) {
    return std::ranges::count_if(run.outcomes,
                                 [](const Outcome& one) { return one.sent.has_value(); });
}

// Why the tape did not take a price, where it is so.
const Outcome* refused_by_tape(const RunOutcomes& run) {
    const auto found = std::ranges::find_if(
        run.outcomes, [](const Outcome& one) { return !one.sent && one.reason == Reason::tape; });
    return found == run.outcomes.end() ? nullptr : &*found;
}

}  // namespace

milliseconds kept_for_tape(milliseconds left) {
    return std::clamp(left / 3, milliseconds(200), milliseconds(10'000));
}

std::string answer_of(const Feed& feed, const RunOutcomes& run,
                      const std::vector<std::string>& messages,
                      const std::vector<std::string>& warnings, bool has_evidence) {
    std::string list = "[";
    for (const std::string& message : messages) {
        // An array of a feed that sends those is taken apart.
        const std::string_view text =
            feed.sends_arrays ? std::string_view(message).substr(1, message.size() - 2) : message;
        list += (list.size() > 1 ? "," : "") + std::string(text);
    }
    list += "]";
    const std::string account = encode_outcomes(run);
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("statusCode").number(sent_count(run) > 0 ? 200 : 502);
    json.key("body").text(list.size() < kMostOfAnAnswer / 3 ? list : "[]");
    json.key("feed").text(run.feed).key("run").text(run.run_id).key("slot");
    if (run.run_id.starts_with(kOffSchedule)) {
        json.null();
    } else {
        json.text(format_rfc3339(run.slot));
    }
    json.key("recorded").begin_array();
    for (const Outcome& one : run.outcomes) {
        if (one.sent) write_outcome(json, one);
    }
    json.end_array().key("failed").begin_array();
    for (const Outcome& one : run.outcomes) {
        if (!one.sent) write_outcome(json, one);
    }
    json.end_array().key("warnings").begin_array();
    for (const std::string& warning : warnings) json.text(warning);
    json.end_array();
    json.key("evidence").text(has_evidence ? "kept" : "none: the pages are not kept");
    if (out.size() + account.size() < kMostOfAnAnswer) json.key("account").raw(account);
    json.end_object();
    return out;
}

LambdaReply CollectFunction::failed(std::string type, const Error& error) {
    const std::string what = parts_.secrets.redactor().clean(error.what);
    parts_.log.emit(InvocationFailed{type, what});
    return {{}, LambdaFault{std::move(type), what}};
}

LambdaReply CollectFunction::handle(const Invocation& invocation) {
    const auto left = duration_cast<milliseconds>(invocation.deadline - parts_.clock.now());
    auto event = invocation.event.empty()
                     ? Result<CollectEvent>(bad("is empty, or larger than AWS allows"))
                     : parse_event(invocation.event);
    parts_.log.emit(
        InvocationBegan{event ? event->feed : std::string(), left.count(), invocation.trace});
    if (!event) return failed("BadEvent", event.error());
    auto work = prepare(*event, invocation);
    if (!work) {
        return failed(work.error().kind == ErrorKind::malformed ? "BadEvent" : "NoSlot",
                      work.error());
    }
    for (const std::string& warning : work->warnings) parts_.log.emit(EventWarned{warning});
    if (left < kLeastTime) {
        return failed("OutOfTime",
                      {ErrorKind::unavailable, fmt::format("{} ms are left for this call: give the "
                                                           "function a longer timeout",
                                                           left.count())});
    }
    const std::string brokers = event->original ? event->original->kafka_server : std::string();
    auto tape = parts_.tape(brokers, kept_for_tape(left) / 3,  // prices, account, and some
                            invocation.deadline - left / 2);
    if (!tape) return failed("TapeAway", tape.error());
    return collect(*event, *work, **tape);
}

Result<CollectFunction::Work> CollectFunction::prepare(const CollectEvent& event,
                                                       const Invocation& invocation) {
    const auto found = parts_.feeds.find(event.feed);
    if (found == parts_.feeds.end()) {
        return bad(fmt::format("feed: there is no feed {}", in_quotes(event.feed)));
    }
    Work work{found->second, {}, {}};
    if (event.original) {
        if (auto done = take_original(event, work); !done) return done.error();
    }
    const Timestamp now = parts_.clock.now();
    const auto left = duration_cast<milliseconds>(invocation.deadline - now);
    CollectJob& job = work.job;
    job.instruments = event.instruments.empty() ? work.feed.instruments : event.instruments;
    if (job.instruments.empty()) return bad(fmt::format("feed: {} has no instruments", event.feed));
    if (work.feed.sources.empty()) return bad(fmt::format("feed: {} has no sources", event.feed));
    job.off_schedule = event.off_schedule;
    job.try_number = event.try_number;
    job.config = event.config.empty() ? parts_.config : event.config;
    job.deployment = event.deployment.empty() ? parts_.deployment : event.deployment;
    job.ends_by = invocation.deadline - kept_for_tape(left);
    if (event.off_schedule) {
        job.slot = now;
        job.deadline = *job.ends_by;
        job.run_id = fmt::format("{}{}/{}", kOffSchedule, event.feed, format_rfc3339(now));
    } else {
        const auto slot = parts_.slot(event.feed, event.slot, now);
        if (!slot) return slot.error();
        job.slot = slot->slot;
        job.deadline = std::min(slot->until, *job.ends_by);
        job.run_id = fmt::format("lambda/{}/{}/{}", event.feed, format_rfc3339(job.slot),
                                 invocation.request_id);
    }
    if (!event.run_id.empty() && !event.off_schedule) job.run_id = event.run_id;
    return work;
}

// The event's own source goes first; ours follow, as sites change their pages.
Result<> CollectFunction::take_original(const CollectEvent& event, Work& work) const {
    const auto& told = *event.original;
    auto source = make_source({event.feed + "-classes", told.base_url, told.price_html_class,
                               told.stock_name_html_class, told.previous_close_html_class});
    if (!source) return bad("the classes: " + source.error().what);
    work.feed.sources.insert(work.feed.sources.begin(),
                             std::make_shared<const Source>(*std::move(source)));
    for (const std::string& name : event.unused) {
        work.warnings.push_back(fmt::format("{} is not used", in_quotes(name)));
    }
    const auto other = std::ranges::find_if(parts_.feeds, [&](const auto& entry) {
        return entry.first != event.feed && entry.second.topic == told.kafka_topic;
    });
    if (other == parts_.feeds.end()) {
        work.feed.topic = told.kafka_topic;
        return {};
    }
    work.warnings.push_back(
        fmt::format("kafka_topic {} is the topic of the feed {}: what is "
                    "recorded goes to {}",
                    told.kafka_topic, other->first, work.feed.topic));
    return {};
}

LambdaReply CollectFunction::collect(const CollectEvent& event, const Work& work, Tape& tape) {
    std::vector<std::string> messages;
    Collector collector(
        {parts_.clock, tape, parts_.client, parts_.captures, states_, parts_.secrets, parts_.log,
         parts_.name,
         [&messages](const OutgoingMessage& message) { messages.push_back(message.value); }});
    const auto run = collector.collect(work.feed, work.job, {});
    if (!run) return failed("TapeAway", run.error());
    // Some prices may be on the tape, and some are not: whoever asks again loses none.
    if (const Outcome* refused = refused_by_tape(*run)) {
        return failed("TapeAway",
                      {ErrorKind::unavailable,
                       fmt::format("{} of {} prices are on the tape: {}: {}", sent_count(*run),
                                   run->outcomes.size(), refused->instrument, refused->what)});
    }
    if (sent_count(*run) == 0 && event.original) {
        const Outcome& first = run->outcomes.front();
        return failed("NothingRecorded",
                      {ErrorKind::unavailable,
                       fmt::format("no price of {} instruments; {}: {}", run->outcomes.size(),
                                   first.instrument, first.what)});
    }
    return {answer_of(work.feed, *run, messages, work.warnings, parts_.captures != nullptr), {}};
}

}  // namespace tapedeck
