#include "app/probe.h"

#include <fmt/format.h>

#include "app/curl_options.h"
#include "net/url.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLongestCrumb = 64;

enum class Step { cookie, crumb, page };

struct Question {
    const Feed* feed;
    std::shared_ptr<const Source> source;
    Step step = Step::page;
    RequestValues values;
};

Request session_request(const Source& source, const std::string& url) {
    Request request;
    request.url = url;
    request.headers = source.headers;
    request.timeout = source.timeout;
    request.max_bytes = source.max_bytes;
    request.proxy = source.proxy;
    request.cookie_jar = source.name;
    add_confidential(source, request);
    return request;
}

class Prober {
public:
    Prober(HttpClient& client, const SecretLookup& secrets) : client_(client), secrets_(secrets) {}

    void ask(const Feed& feed, const std::shared_ptr<const Source>& source) {
        probes_.push_back({source->name, feed.name, feed.instruments.front(), {}, 0, 0, {}, {}});
        questions_.push_back({&feed, source, Step::page, {}});
        const std::size_t i = probes_.size() - 1;
        if (!source->secret.empty()) {
            auto key = secrets_(source->secret);
            if (!key) {
                probes_[i].read = Failure{Reason::unauthorized, key.error().what};
                return;
            }
            questions_[i].values.key = *std::move(key);
        }
        if (source->session) {
            questions_[i].step = Step::cookie;
            probes_[i].url = masked_url(source->session->cookie_url);
            client_.start(RequestId(i), session_request(*source, source->session->cookie_url));
        } else {
            ask_page(i);
        }
    }

    std::vector<Probe> answers() {
        while (client_.under_way() > 0) {
            for (const Answer& answer : client_.wait(60s, {})) take(answer);
        }
        return std::move(probes_);
    }

private:
    void ask_page(std::size_t i) {
        Question& question = questions_[i];
        question.step = Step::page;
        auto plan =
            plan_requests(*question.source, std::vector{probes_[i].instrument}, question.values);
        TAPEDECK_ASSERT(plan.size() == 1);
        probes_[i].url = plan[0].shown_url;
        for (const Secret& one : plan[0].request.confidential) {
            secrets_.redactor().know(one, SecretReach::site);
        }
        client_.start(RequestId(i), std::move(plan[0].request));
    }

    void take(const Answer& answer) {
        const auto i = static_cast<std::size_t>(answer.id.value());
        Probe& probe = probes_[i];
        Question& question = questions_[i];
        const Source& source = *question.source;
        probe.status = answer.status;
        probe.bytes = static_cast<std::int64_t>(answer.body.size());
        probe.took +=
            std::chrono::duration_cast<std::chrono::milliseconds>(answer.ended - answer.started);
        const bool cookie = question.step == Step::cookie;
        // Of the cookie's page only its cookies matter.
        if (answer.failure && (!cookie || answer.status == 0)) {
            probe.read = *answer.failure;
            return;
        }
        if (cookie && source.session->crumb_url.empty()) {
            ask_page(i);
            return;
        }
        if (cookie) {
            question.step = Step::crumb;
            probe.url = masked_url(source.session->crumb_url);
            client_.start(answer.id, session_request(source, source.session->crumb_url));
            return;
        }
        if (question.step == Step::crumb) {
            if (answer.status != 200 || answer.body.empty() || answer.body.size() > kLongestCrumb) {
                probe.read =
                    Failure{answer.status == 429 ? Reason::throttled : Reason::unauthorized,
                            fmt::format("no crumb from {} (status {}, {} bytes)", probe.url,
                                        answer.status, probe.bytes)};
                return;
            }
            question.values.crumb = answer.body;
            ask_page(i);
            return;
        }
        read(probe, question, answer);
    }

    static void read(Probe& probe, const Question& question, const Answer& answer) {
        const Page page{answer.body, answer.status, answer.header("content-type"), answer.url,
                        answer.ended};
        probe.read =
            PageReader(*question.source, page, demands_of(*question.feed)).read(probe.instrument);
    }

    HttpClient& client_;
    const SecretLookup& secrets_;
    std::vector<Probe> probes_;
    std::vector<Question> questions_;  // of each probe
};

}  // namespace

Result<std::vector<Probe>> probe_sources(const Settings& settings,
                                         const std::map<std::string, Feed>& feeds,
                                         const std::string& only) {
    const SystemClock clock;
    auto client = CurlClient::open(clock, curl_options(settings));
    if (!client) return client.error();
    const SecretLookup secrets = secret_lookup(settings);
    Prober prober(**client, secrets);
    for (const auto& [name, feed] : feeds) {
        if (feed.instruments.empty()) continue;
        for (const auto& source : feed.sources) {
            if (only.empty() || only == source->name) prober.ask(feed, source);
        }
    }
    return prober.answers();
}

bool gave_price(const Probe& probe) { return std::holds_alternative<Reading>(probe.read); }

std::string words_of(const Probe& probe) {
    if (const auto* reading = std::get_if<Reading>(&probe.read)) {
        return fmt::format("{} {} by rule {}", reading->price.to_string(), reading->currency,
                           reading->rule);
    }
    const auto& failure = std::get<Failure>(probe.read);
    return fmt::format("{}: {}", row_of(failure.reason).name, failure.what);
}

}  // namespace tapedeck
