#include "collect/collector.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "events/recording.h"
#include "net/url.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr int kTriesOfTheTape = 3;
constexpr std::size_t kLeastCookie = 16;
// Of a message, which Kafka takes up to 1,000,000 bytes of, headers and all.
constexpr std::size_t kMostOfAnArray = 900'000;

// What of an answer is kept: no secret, in whatever form the site repeats it.
struct CleanAnswer {
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::optional<std::string> body;  // none: as it came
};

CleanAnswer cleaned(const Answer& answer, const Redactor& redactor) {
    CleanAnswer clean;
    clean.url = redactor.clean(masked_url(answer.url));
    for (const auto& [name, value] : answer.headers) {
        clean.headers.emplace_back(redactor.clean(name), redactor.clean(value));
    }
    if (auto body = redactor.clean_answer(answer.body)) {
        clean.headers.emplace_back(kSecretsRemoved, std::to_string(body->replaced));
        clean.body = std::move(body->text);
    }
    return clean;
}

void clean(std::vector<Outcome>& outcomes, const Redactor& redactor) {
    for (Outcome& outcome : outcomes) {
        outcome.what = redactor.clean(outcome.what);
        for (Attempt& attempt : outcome.attempts) {
            attempt.url = redactor.clean(attempt.url);
            attempt.what = redactor.clean(attempt.what);
        }
    }
}

// "Apple Inc. (AAPL)", as the original has it.
std::string stock_name(const Reading& reading) {
    const std::string ticker = "(" + reading.instrument + ")";
    if (reading.name.empty() || reading.name == reading.instrument) return reading.instrument;
    if (reading.name.ends_with(ticker)) return reading.name;
    return reading.name + " " + ticker;
}

// From when on nothing of it is waited for any more.
Timestamp end_of(const CollectJob& job) {
    if (job.ends_by) return *job.ends_by;
    return std::min(job.deadline, Timestamp::max() - Collector::kAfterDeadline) +
           Collector::kAfterDeadline;
}

}  // namespace

OutgoingMessage message_of(const Feed& feed, std::optional<Timestamp> slot, const Found& found) {
    const bool stock = feed.table.form == RecordForm::stock;
    const std::string name = stock ? stock_name(found.reading) : found.reading.instrument;
    Record record;
    record.instrument = found.reading.instrument;
    record.name = name;
    record.price = found.reading.price;
    if (stock) record.previous_close = found.reading.previous_close;
    record.currency = found.reading.currency;
    record.slot = slot;
    record.observed_at = found.observed_at;
    record.source = found.source;
    record.rule = found.reading.rule;
    record.capture = found.capture;
    OutgoingMessage message{feed.topic, found.reading.instrument, {}, found.observed_at, {}};
    encode_record(message.value, record, feed.table.form);
    return message;
}

// A secret is known before anybody can repeat it.
void Collector::start(CollectPlan::Question question) {
    for (const auto& [source, crumb] : sessions_.crumbs)
        parts_.secrets.redactor().know_passing(Secret(crumb));
    for (const Secret& one : question.request.confidential) {
        parts_.secrets.redactor().know(one, SecretReach::site);
    }
    parts_.client.start(question.id, std::move(question.request));
}

// A short cookie is a choice such as "en-US", which is nothing to hide.
void Collector::learn_cookies(const Answer& answer) {
    for (const auto& [name, value] : answer.headers) {
        if (name != "set-cookie") continue;
        const std::string_view text = std::string_view(value).substr(0, value.find(';'));
        const std::size_t equals = text.find('=');
        if (equals == std::string_view::npos || text.size() - equals <= kLeastCookie) continue;
        parts_.secrets.redactor().know_passing(Secret(std::string(text.substr(equals + 1))));
    }
}

// The captures of the answers, by index: their SHA-256 in hex, or empty. A session's crumb is no
// evidence of a price, and as good as a password: its answer is not kept.
std::vector<std::string> Collector::keep(std::span<const Answer> answers, const CollectPlan& plan) {
    std::vector<std::string> digests(answers.size());
    if (parts_.captures == nullptr) return digests;
    std::vector<CleanAnswer> clean(answers.size());
    std::vector<CapturedAnswer> kept;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (answers[i].body.empty() || plan.is_of_session(answers[i].id)) continue;
        clean[i] = cleaned(answers[i], parts_.secrets.redactor());
        const std::string_view body = clean[i].body ? *clean[i].body : answers[i].body;
        kept.push_back({clean[i].url, answers[i].status, clean[i].headers, body, answers[i].ended});
        places.push_back(i);
    }
    if (kept.empty()) return digests;
    auto put = parts_.captures->put_all(kept);
    if (!put) {
        // Evidence is worth less than the price: say so and go on.
        parts_.log.emit(StepFailed{"keeping captures", put.error().what});
        return digests;
    }
    for (std::size_t i = 0; i < places.size(); ++i) digests[places[i]] = std::move((*put)[i]);
    return digests;
}

std::vector<Parcel> parcels_of(const Feed& feed, std::optional<Timestamp> slot,
                               std::vector<Found> found) {
    std::vector<Parcel> parcels;
    for (Found& one : found) {
        OutgoingMessage message = message_of(feed, slot, one);
        if (feed.sends_arrays) {
            const bool has_room =
                !parcels.empty() &&
                parcels.back().message.value.size() + message.value.size() < kMostOfAnArray;
            if (has_room) {
                Parcel& last = parcels.back();
                last.message.value.back() = ',';
                last.message.value += message.value + "]";
                last.message.timestamp = std::max(last.message.timestamp, message.timestamp);
                last.found.push_back(std::move(one));
                continue;
            }
            // Arrays of a feed stay in order.
            message.key = feed.name;
            message.value = "[" + message.value + "]";
        }
        Parcel& parcel = parcels.emplace_back();
        parcel.message = std::move(message);
        parcel.found.push_back(std::move(one));
    }
    return parcels;
}

// Whoever runs this job has no more time for it.
bool Collector::is_over(const CollectJob& job) const {
    return job.ends_by && parts_.clock.now() >= *job.ends_by;
}

void Collector::put_on_tape(const Feed& feed, const CollectJob& job, std::vector<Found> found,
                            CollectPlan& plan) {
    const auto slot = job.off_schedule ? std::nullopt : std::optional(job.slot);
    std::vector<Parcel> parcels = parcels_of(feed, slot, std::move(found));
    for (int tries = 1; !parcels.empty(); ++tries) {
        std::vector<OutgoingMessage> messages;
        for (const Parcel& parcel : parcels) messages.push_back(parcel.message);
        auto appended = parts_.tape.append(messages);
        const bool last = tries == kTriesOfTheTape || is_over(job);
        std::vector<Parcel> left;
        for (std::size_t i = 0; i < parcels.size(); ++i) {
            const auto* position = appended && (*appended)[i] ? &*(*appended)[i] : nullptr;
            if (position != nullptr) {
                if (parts_.sent) parts_.sent(parcels[i].message);
                for (const Found& one : parcels[i].found) {
                    plan.sent(one.subject, {position->at.topic, position->at.partition,
                                            position->offset, one.source, one.reading.rule});
                }
                continue;
            }
            const Error& error = appended ? (*appended)[i].error() : appended.error();
            if (last || !retryable(error.kind)) {
                for (const Found& one : parcels[i].found) {
                    plan.not_sent(one.subject, {Reason::tape, error.what});
                }
                continue;
            }
            left.push_back(std::move(parcels[i]));
        }
        parcels = std::move(left);
        if (!parcels.empty()) parts_.clock.sleep_until(parts_.clock.now() + 200ms, {});
    }
}

Result<RunOutcomes> Collector::collect(const Feed& feed, const CollectJob& job,
                                       std::stop_token stop,
                                       const std::function<void(std::size_t)>& progress) {
    TAPEDECK_ASSERT(job.off_schedule == job.run_id.starts_with(kOffSchedule));
    RunOutcomes run{.run_id = job.run_id,
                    .feed = feed.name,
                    .slot = job.slot,
                    .try_number = job.try_number,
                    .started = parts_.clock.now(),
                    .ended = {},
                    .config = job.config,
                    .collector = parts_.name,
                    .outcomes = {},
                    .deployment = job.deployment};
    CollectPlan plan(feed, job, parts_.states, sessions_, parts_.secrets, now());
    std::size_t settled = 0;
    std::vector<Found> gathered;  // of a feed that sends one array
    std::optional<std::chrono::microseconds> last_moment;
    const Timestamp over = end_of(job);
    while (!plan.done()) {
        if (stop.stop_requested() && !last_moment) {
            last_moment = parts_.clock.steady() + kLastSeconds;
        }
        const bool too_late = last_moment && parts_.clock.steady() >= *last_moment;
        if (too_late || parts_.clock.now() >= over) {
            parts_.client.cancel_all();
            plan.give_up(too_late ? Reason::interrupted : Reason::out_of_time,
                         too_late      ? "the program was stopped"
                         : job.ends_by ? "the time of the function was over"
                                       : "the slot's time is over");
            break;
        }
        for (CollectPlan::Question& question : plan.due(now())) {
            start(std::move(question));
        }
        milliseconds wait = 60s;
        if (const auto next = plan.next_due()) {
            wait =
                std::max(0ms, duration_cast<milliseconds>(*next - parts_.clock.steady() + 999us));
        }
        if (last_moment) wait = std::min(wait, 100ms);
        wait = std::min(wait, std::chrono::ceil<milliseconds>(over - parts_.clock.now()) + 1ms);
        if (parts_.client.under_way() == 0) {
            if (plan.done()) break;
            parts_.clock.sleep_until(parts_.clock.now() + wait, stop);
            continue;
        }
        std::vector<Found> found;
        // Everything that is here by now goes to the tape in one append.
        for (auto answers = parts_.client.wait(wait, last_moment ? std::stop_token() : stop);
             !answers.empty(); answers = parts_.client.wait(0ms, {})) {
            for (const Answer& answer : answers) {
                if (plan.has_session(answer.id)) learn_cookies(answer);
            }
            const auto digests = keep(answers, plan);
            for (std::size_t i = 0; i < answers.size(); ++i) {
                auto read = plan.answered(answers[i], digests[i], now());
                std::move(read.begin(), read.end(), std::back_inserter(found));
            }
            if (found.size() >= 256) break;
        }
        for (Found& one : found) {  // what a page calls its instrument goes on the tape
            if (auto name = parts_.secrets.redactor().clean_answer(one.reading.name)) {
                one.reading.name = std::move(name->text);
            }
        }
        settled += found.size();
        if (feed.sends_arrays) {
            std::ranges::move(found, std::back_inserter(gathered));
        } else {
            put_on_tape(feed, job, std::move(found), plan);
        }
        if (progress) progress(settled);
    }
    put_on_tape(feed, job, std::move(gathered), plan);
    run.ended = parts_.clock.now();
    run.outcomes = plan.outcomes();
    clean(run.outcomes, parts_.secrets.redactor());
    const std::int64_t sent = tell_failures(run);
    if (auto done = append_account(run, job); !done) return done.error();
    parts_.log.emit(SlotCollected{
        feed.name, job.slot, sent, static_cast<std::int64_t>(run.outcomes.size()) - sent,
        duration_cast<milliseconds>(run.ended - run.started).count(), job.try_number});
    return run;
}

// One line a reason, however many instruments it struck; the number of those that were sent.
std::int64_t Collector::tell_failures(const RunOutcomes& run) {
    struct Struck {
        std::int64_t count = 0;
        std::string names;
        std::string what;
    };
    std::map<Reason, Struck> by_reason;
    std::int64_t sent = 0;
    for (const Outcome& outcome : run.outcomes) {
        if (outcome.sent) {
            ++sent;
            continue;
        }
        TAPEDECK_ASSERT(outcome.reason.has_value());  // every instrument is accounted for
        Struck& struck = by_reason[*outcome.reason];
        if (struck.what.empty()) struck.what = outcome.what;
        if (++struck.count <= 5)
            struck.names += (struck.names.empty() ? "" : ",") + outcome.instrument;
    }
    for (const auto& [reason, struck] : by_reason) {
        parts_.log.emit(
            PricesFailed{run.feed, run.slot, reason, struck.count, struck.names, struck.what});
    }
    return sent;
}

Result<> Collector::append_account(const RunOutcomes& run, const CollectJob& job) {
    const std::vector<OutgoingMessage> messages{
        {std::string(kOutcomesTopic), run.feed, encode_outcomes(run), run.ended, {}}};
    for (int tries = 1;; ++tries) {
        auto appended = parts_.tape.append(messages);
        if (appended && (*appended)[0]) return {};
        const Error& error = appended ? (*appended)[0].error() : appended.error();
        if (!retryable(error.kind) || tries == kTriesOfTheTape || is_over(job)) {
            return in_context("putting the account of " + run.run_id + " on the tape", error);
        }
        parts_.clock.sleep_until(parts_.clock.now() + 200ms, {});
    }
}

}  // namespace tapedeck
