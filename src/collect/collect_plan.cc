#include "collect/collect_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/url_text.h"
#include "net/retry.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// Instruments that fall back to a source that answers for many wait this long for one another.
constexpr microseconds kGather = 200ms;

// Worth asking the same source again: it spoke of the moment, not of the instrument.
bool passing(Reason reason) {
    return retryable(row_of(reason).kind) && reason != Reason::throttled;
}

std::string named(const std::string& source, const std::string& what) {
    return what.starts_with(source) ? what : source + ": " + what;
}

std::string rest_words(const std::string& source, const SourceStates& states) {
    const auto rest = states.rest_of(source);
    if (!rest) return source + " rests";
    return fmt::format("{} rests since {}, after {}: {}", source, format_rfc3339(rest->since),
                       row_of(rest->cause.reason).name, rest->cause.what);
}

// What made the failure: of a source at rest, the failure that brought it there.
Failure cause_of(const std::string& source, const Failure& failure, const SourceStates& states) {
    const auto rest = failure.reason == Reason::resting ? states.rest_of(source) : std::nullopt;
    return {rest ? rest->cause.reason : failure.reason, named(source, failure.what)};
}

}  // namespace

CollectPlan::CollectPlan(const Feed& feed, const CollectJob& job, SourceStates& states,
                         Sessions& sessions, const SecretLookup& secrets, Now now)
    : feed_(feed),
      job_(job),
      states_(states),
      sessions_(sessions),
      secrets_(secrets),
      jitter_(static_cast<unsigned>(now.steady.count())) {
    TAPEDECK_ASSERT(!feed.sources.empty());
    for (const std::string& instrument : job.instruments) {
        Subject subject;
        subject.outcome.instrument = instrument;
        subjects_.push_back(std::move(subject));
        join_line(subjects_.size() - 1, now, 0us);
    }
}

void CollectPlan::join_line(std::size_t subject, Now now, microseconds delay) {
    const auto [line, fresh] = lines_.try_emplace(subjects_[subject].source);
    line->second.ready =
        fresh ? now.steady + delay : std::max(line->second.ready, now.steady + delay);
    line->second.subjects.push_back(subject);
    ++waiting_count_;
}

std::vector<CollectPlan::Question> CollectPlan::due(Now now) {
    for (bool moved = true; moved;) {  // a line that cannot be served moves on to the next
        moved = false;
        for (auto& [source, line] : lines_) {
            if (line.subjects.empty() || line.ready > now.steady) continue;
            plan_line(source, now);
            moved = true;
            break;
        }
    }
    std::vector<Question> questions;
    std::vector<Ask> later;
    std::vector<Ask> ready;
    for (Ask& ask : queued_) (ask.start <= now.steady ? ready : later).push_back(std::move(ask));
    queued_ = std::move(later);
    for (Ask& ask : ready) {
        const Source& source = *feed_.sources[ask.source];
        // A Retry-After may have come since the place was taken.
        if (const auto held = states_.held_until(ask.planned.request.url); held > now.steady) {
            if (now.wall + (held - now.steady) > job_.deadline) {
                too_late(ask, now);
            } else {
                ask.start = held;
                queued_.push_back(std::move(ask));
            }
            continue;
        }
        if (!states_.may_ask(source, now.steady)) {
            pass_over(ask.subjects, ask.source, {Reason::resting, rest_words(source.name, states_)},
                      now);
            continue;
        }
        questions.push_back({ask.id, ask.planned.request});
        const RequestId id = ask.id;
        under_way_.emplace(id, std::move(ask));
    }
    return questions;
}

std::optional<microseconds> CollectPlan::next_due() const {
    std::optional<microseconds> soonest;
    const auto consider = [&](microseconds at) { soonest = soonest ? std::min(*soonest, at) : at; };
    for (const Ask& ask : queued_) consider(ask.start);
    for (const auto& [source, line] : lines_) {
        if (!line.subjects.empty()) consider(line.ready);
    }
    return soonest;
}

void CollectPlan::plan_line(std::size_t source, Now now) {
    std::vector<std::size_t> subjects = std::move(lines_[source].subjects);
    lines_.erase(source);
    waiting_count_ -= subjects.size();
    const Source& asked = *feed_.sources[source];
    if (asked.session && !sessions_.crumbs.contains(asked.name)) {
        plan_session(source, std::move(subjects), now);
    } else {
        plan_queries(source, subjects, now);
    }
}

void CollectPlan::plan_queries(std::size_t source, std::span<const std::size_t> subjects, Now now) {
    const Source& asked = *feed_.sources[source];
    RequestValues values;
    if (const auto crumb = sessions_.crumbs.find(asked.name); crumb != sessions_.crumbs.end()) {
        values.crumb = crumb->second;
    }
    if (!asked.secret.empty()) {
        const auto secret = secrets_(asked.secret);
        if (!secret) {
            pass_over(subjects, source, {Reason::unauthorized, secret.error().what}, now);
            return;
        }
        values.key = *secret;
    }
    std::vector<std::string> instruments;
    std::multimap<std::string_view, std::size_t> by_name;
    for (const std::size_t subject : subjects) {
        instruments.push_back(subjects_[subject].outcome.instrument);
        by_name.emplace(subjects_[subject].outcome.instrument, subject);
    }
    for (PlannedRequest& planned : plan_requests(asked, instruments, values)) {
        Ask ask;
        ask.source = source;
        for (const std::string& instrument : planned.instruments) {
            const auto found = by_name.find(instrument);
            TAPEDECK_ASSERT(found != by_name.end());
            ask.subjects.push_back(found->second);
            by_name.erase(found);
        }
        if (asked.session) planned.request.cookie_jar = asked.name;
        ask.planned = std::move(planned);
        queue(std::move(ask), now);
    }
    // A source may not know how to ask for an instrument at all.
    for (const auto& [instrument, subject] : by_name) {
        pass_over(
            std::span(&subject, 1), source,
            {Reason::not_found, fmt::format("{} has no symbol for {}", asked.name, instrument)},
            now);
    }
}

void CollectPlan::plan_session(std::size_t source, std::vector<std::size_t> subjects, Now now) {
    const Source& asked = *feed_.sources[source];
    Ask ask;
    ask.kind = Kind::cookie;
    ask.source = source;
    ask.subjects = std::move(subjects);
    ask.planned.request.url = asked.session->cookie_url;
    ask.planned.request.headers = asked.headers;
    ask.planned.request.timeout = asked.timeout;
    ask.planned.request.proxy = asked.proxy;
    ask.planned.request.cookie_jar = asked.name;
    ask.planned.shown_url = shown_url(asked.session->cookie_url);
    add_confidential(asked, ask.planned.request);
    queue(std::move(ask), now);
}

void CollectPlan::queue(Ask ask, Now now) {
    const Source& asked = *feed_.sources[ask.source];
    ask.id = RequestId(++last_id_);
    const microseconds latest = now.steady + (job_.deadline - now.wall);
    const auto start = states_.reserve_until(asked, ask.planned.request.url, now.steady, latest);
    if (start) {
        ask.start = *start;
        queued_.push_back(std::move(ask));
        return;
    }
    too_late(ask, now);
}

void CollectPlan::too_late(const Ask& ask, Now now) {
    const std::string& name = feed_.sources[ask.source]->name;
    const Failure late{Reason::out_of_time,
                       fmt::format("the pace of {} does not allow it before the deadline {}", name,
                                   format_rfc3339(job_.deadline))};
    pass_over(ask.subjects, ask.source, late, now);
}

// Goes on along the chain without having put the question.
void CollectPlan::pass_over(std::span<const std::size_t> subjects, std::size_t source,
                            const Failure& failure, Now now) {
    for (const std::size_t subject : subjects) {
        Attempt attempt;
        attempt.source = feed_.sources[source]->name;
        attempt.started = now.wall;
        fail(subject, source, failure, std::move(attempt), now);
    }
}

void CollectPlan::fail(std::size_t index, std::size_t source, const Failure& failure,
                       Attempt attempt, Now now) {
    Subject& subject = subjects_[index];
    TAPEDECK_ASSERT(!subject.found && subject.source == source);
    attempt.reason = failure.reason;
    attempt.what = failure.what;
    const Weight weight = weight_of(failure, attempt);
    const bool asked = weight == Weight::asked;
    // Told is the first real failure of the chain: what came after it is a consequence, and a
    // source that was not asked is one only where no source was.
    if (!subject.outcome.reason || weight > subject.weight) {
        Failure cause = cause_of(feed_.sources[source]->name, failure, states_);
        subject.weight = weight;
        subject.outcome.reason = cause.reason;
        subject.outcome.what = std::move(cause.what);
    }
    subject.outcome.attempts.push_back(std::move(attempt));
    ++subject.tries;
    if (asked && passing(failure.reason) && subject.tries < feed_.max_attempts) {
        join_line(index, now, backoff(static_cast<unsigned>(subject.tries - 1), 1s, 5s, jitter_()));
        return;
    }
    ++subject.source;
    subject.tries = 0;
    if (subject.source >= feed_.sources.size()) return;
    const bool many = feed_.sources[subject.source]->max_instruments > 1;
    join_line(index, now, many && job_.instruments.size() > 1 ? kGather : 0us);
}

CollectPlan::Weight CollectPlan::weight_of(const Failure& failure, const Attempt& attempt) {
    if (failure.reason == Reason::resting) return Weight::rested;
    if (failure.reason == Reason::out_of_time) return Weight::passed_over;
    // A source that does not know the instrument's name was not asked, either.
    const bool unasked = attempt.url.empty() && failure.reason == Reason::not_found;
    return unasked ? Weight::passed_over : Weight::asked;
}

Attempt CollectPlan::attempt_of(const Ask& ask, const Answer& answer,
                                const std::string& capture) const {
    return {.source = feed_.sources[ask.source]->name,
            .url = ask.planned.shown_url,
            .started = answer.started,
            .took = duration_cast<milliseconds>(answer.ended - answer.started),
            .status = answer.status,
            .bytes = static_cast<std::int64_t>(answer.body.size()),
            .capture = capture,
            .reason = std::nullopt,
            .what = {}};
}

bool CollectPlan::is_of_session(RequestId id) const {
    const auto place = under_way_.find(id);
    TAPEDECK_ASSERT(place != under_way_.end());
    return place->second.kind != Kind::query;
}

bool CollectPlan::has_session(RequestId id) const {
    const auto place = under_way_.find(id);
    TAPEDECK_ASSERT(place != under_way_.end());
    return feed_.sources[place->second.source]->session.has_value();
}

std::vector<Found> CollectPlan::answered(const Answer& answer, const std::string& capture,
                                         Now now) {
    const auto place = under_way_.find(answer.id);
    TAPEDECK_ASSERT(place != under_way_.end());
    Ask ask = std::move(place->second);
    under_way_.erase(place);
    const Source& source = *feed_.sources[ask.source];
    const bool asks_to_wait = answer.status == 429 || answer.status == 503;
    if (const auto wait = parse_retry_after(answer.header("retry-after"), now.wall);
        wait && asks_to_wait) {
        states_.hold(ask.planned.request.url, now.steady + *wait);
    }
    if (ask.kind != Kind::query) {
        session_answered(std::move(ask), answer, now);
        return {};
    }
    std::vector<Found> found;
    const Page page{answer.body, answer.status, answer.header("content-type"), answer.url,
                    answer.ended};
    std::optional<PageReader> reader;
    if (!answer.failure) reader.emplace(source, page, demands_of(feed_));
    std::optional<Failure> of_the_source;  // speaks of the source, not of one instrument
    bool any = false;
    for (const std::size_t index : ask.subjects) {
        Attempt attempt = attempt_of(ask, answer, capture);
        ReadResult read = reader ? reader->read(subjects_[index].outcome.instrument)
                                 : ReadResult(*answer.failure);
        if (auto* reading = std::get_if<Reading>(&read)) {
            any = true;
            subjects_[index].outcome.attempts.push_back(std::move(attempt));
            subjects_[index].found = true;
            found.push_back({index, std::move(*reading), source.name, capture, answer.ended});
            continue;
        }
        Failure failure = std::get<Failure>(std::move(read));
        if (speaks_of_source(failure.reason)) of_the_source = failure;
        // Without a crumb nobody says that the cookies are too old: any refusal may mean that.
        const bool by_cookies = source.session && source.session->crumb_url.empty();
        if (source.session && (failure.reason == Reason::unauthorized ||
                               (by_cookies && speaks_of_source(failure.reason)))) {
            sessions_.crumbs.erase(source.name);
        }
        fail(index, ask.source, failure, std::move(attempt), now);
    }
    if (any) {
        states_.succeeded(source);
    } else if (of_the_source) {
        states_.failed(source, *of_the_source, now.steady, now.wall);
    }
    return found;
}

void CollectPlan::session_answered(Ask ask, const Answer& answer, Now now) {
    const Source& source = *feed_.sources[ask.source];
    const bool cookie = ask.kind == Kind::cookie;
    std::optional<Failure> failure = answer.failure;
    if (cookie && failure && answer.status != 0) failure.reset();  // only its cookies matter
    if (!failure && answer.status == 429) {
        failure = Failure{Reason::throttled, "status 429 from " + ask.planned.shown_url};
    }
    const bool crumb_fits = !answer.body.empty() && answer.body.size() <= 64 &&
                            answer.body.find_first_of("<{ \n") == std::string::npos;
    if (!failure && !cookie && (answer.status != 200 || !crumb_fits)) {
        failure = Failure{Reason::unauthorized,
                          fmt::format("no crumb from {} (status {}, {} bytes)",
                                      ask.planned.shown_url, answer.status, answer.body.size())};
    }
    if (failure) {
        states_.failed(source, *failure, now.steady, now.wall);
        for (const std::size_t subject : ask.subjects) {
            fail(subject, ask.source, *failure, attempt_of(ask, answer, {}), now);
        }
        return;
    }
    if (cookie && source.session->crumb_url.empty()) {
        sessions_.crumbs[source.name] = "";  // the cookies alone are the session
        plan_queries(ask.source, ask.subjects, now);
        return;
    }
    if (cookie) {
        Ask crumb = std::move(ask);
        crumb.kind = Kind::crumb;
        crumb.planned.request.url = source.session->crumb_url;
        crumb.planned.shown_url = shown_url(source.session->crumb_url);
        add_confidential(source, crumb.planned.request);
        queue(std::move(crumb), now);
        return;
    }
    sessions_.crumbs[source.name] = answer.body;
    plan_queries(ask.source, ask.subjects, now);
}

void CollectPlan::sent(std::size_t subject, Outcome::Sent sent) {
    TAPEDECK_ASSERT(subjects_[subject].found && !subjects_[subject].outcome.sent);
    subjects_[subject].outcome.sent = std::move(sent);
    subjects_[subject].outcome.reason.reset();
    subjects_[subject].outcome.what.clear();
}

void CollectPlan::not_sent(std::size_t subject, Failure failure) {
    TAPEDECK_ASSERT(!subjects_[subject].outcome.sent);
    subjects_[subject].outcome.reason = failure.reason;
    subjects_[subject].outcome.what = std::move(failure.what);
}

void CollectPlan::give_up(Reason reason, std::string_view what) {
    queued_.clear();
    under_way_.clear();
    lines_.clear();
    waiting_count_ = 0;
    for (Subject& subject : subjects_) {
        if (subject.found || subject.source >= feed_.sources.size()) continue;
        subject.source = feed_.sources.size();
        // That the time ran out after a source had failed is what its failure led to.
        if (reason == Reason::out_of_time && subject.weight == Weight::asked) continue;
        subject.outcome.reason = reason;
        subject.outcome.what = what;
    }
}

std::vector<Outcome> CollectPlan::outcomes() const {
    std::vector<Outcome> outcomes;
    for (const Subject& subject : subjects_) outcomes.push_back(subject.outcome);
    return outcomes;
}

}  // namespace tapedeck
