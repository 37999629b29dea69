#include "app/serve_lambda.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <memory>

#include "app/collect_slot.h"
#include "app/curl_options.h"
#include "app/kafka_settings.h"
#include "app/learn_secrets.h"
#include "app/made_feeds.h"
#include "app/output.h"
#include "base/sha256.h"
#include "lambda/collect_function.h"
#include "lambda/request_lines.h"
#include "lambda/runtime_api.h"
#include "tape/kafka/kafka_tape.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostTapes = 4;  // brokers that calls have named

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

// How long a call may take where its deadline is none.
std::chrono::milliseconds usual_time() {
    const auto told = parse_duration(variable("TAPEDECK_FUNCTION_TIMEOUT"));
    return told && *told > 0ms ? *told : std::chrono::milliseconds(60s);
}

// The tapes that calls have named, opened once for the life of the process.
class FunctionTapes {
public:
    FunctionTapes(const Settings& settings, const std::map<std::string, Feed>& feeds,
                  const Clock& clock)
        : settings_(settings), feeds_(feeds), clock_(clock) {}

    Result<Tape*> find(const std::string& brokers, std::chrono::milliseconds patience,
                       Timestamp shown_by) {
        if (const auto found = open_.find(brokers); found != open_.end())
            return found->second.get();
        auto options = options_of(brokers);
        if (!options) return options.error();
        options->message_timeout = std::clamp(patience, 1'000ms, 10'000ms);
        options->request_timeout = options->message_timeout;
        auto tape = KafkaTape::open(*std::move(options));
        if (!tape) return tape.error();
        if (auto ready = make_topics(**tape, shown_by); !ready) return ready.error();
        if (open_.size() == kMostTapes) open_.clear();
        return open_.emplace(brokers, *std::move(tape)).first->second.get();
    }

private:
    Result<KafkaOptions> options_of(const std::string& brokers) const {
        if (!is_kafka(settings_)) {
            if (brokers.empty()) {
                return Error{ErrorKind::rejected,
                             "this function has no tape: name Kafka in [tape] url"};
            }
            KafkaOptions options;
            options.brokers = brokers;
            options.client_id = "tapedeck lambda";
            return options;
        }
        auto options = kafka_options(settings_);
        if (!options || brokers.empty() || brokers == options->brokers) return options;
        // Whoever may call must not learn the password by naming brokers of his own.
        if (options->login || options->tls) {
            return Error{ErrorKind::rejected,
                         fmt::format("the event: kafka_server {} is not the one that this function "
                                     "is configured for ({})",
                                     in_quotes(brokers), options->brokers)};
        }
        options->brokers = brokers;
        return options;
    }

    // A busy broker shows a topic long after it has made it.
    Result<> make_topics(Tape& tape, Timestamp shown_by) const {
        std::map<std::string, int> wanted{{std::string(kOutcomesTopic), 1}};
        for (const auto& [name, feed] : feeds_) wanted[feed.topic] = settings_.tape.partitions;
        for (const auto& [topic, partitions] : wanted) {
            const auto there = tape.partitions(topic);
            if (there) continue;
            if (there.error().kind != ErrorKind::rejected) return there.error();
            auto made = tape.ensure_topic(topic, partitions);
            while (!made && made.error().kind == ErrorKind::unavailable &&
                   clock_.now() < shown_by) {
                made = tape.ensure_topic(topic, partitions);
            }
            if (!made) return made;
        }
        return {};
    }

    const Settings& settings_;
    const std::map<std::string, Feed>& feeds_;
    const Clock& clock_;
    std::map<std::string, std::unique_ptr<KafkaTape>> open_;
};

Result<CallSlot> slot_of_event(const std::vector<DagSpec>& dags, Clock& clock,
                               const std::string& feed, std::optional<Timestamp> asked,
                               Timestamp now) {
    const auto schedules = schedules_of(dags, feed, {});
    if (!schedules) return schedules.error();
    const auto answer = slot_to_answer(*schedules, feed, asked, now);
    if (const auto* refusal = std::get_if<SlotRefusal>(&answer)) {
        return Error{ErrorKind::rejected, refusal->what};
    }
    const auto& slot = std::get<AnswerableSlot>(answer);
    // A caller's clock may be ahead of ours.
    if (slot.slot > now + 2s) {
        return Error{ErrorKind::rejected,
                     fmt::format("{} {} has not come yet", feed, format_rfc3339(slot.slot))};
    }
    clock.sleep_until(slot.slot, {});
    return CallSlot{slot.slot, slot.until};
}

struct FunctionParts {
    MadeSources made;
    std::map<std::string, Feed> feeds;
    std::vector<DagSpec> dags;
    std::unique_ptr<CurlClient> client;
};

Result<FunctionParts> parts_of(const Settings& settings, const Clock& clock) {
    FunctionParts parts;
    auto made = make_sources(settings);
    if (!made) return made.error();
    parts.made = *std::move(made);
    auto feeds = make_feeds(settings, parts.made);
    if (!feeds) return feeds.error();
    parts.feeds = *std::move(feeds);
    parts.dags = make_dags(settings);
    auto client = CurlClient::open(clock, curl_options(settings));
    if (!client) return client.error();
    parts.client = *std::move(client);
    return parts;
}

}  // namespace

Result<LoadedConfig> function_config(const ConfigOptions& options) {
    const std::string text = variable("TAPEDECK_SETTINGS");
    auto config =
        text.empty() ? load_config(options) : load_config_text(options, text, "TAPEDECK_SETTINGS");
    if (config) learn_secrets(config->settings);
    return config;
}

Result<> serve_lambda(const Result<LoadedConfig>& config, const std::string& host,
                      std::stop_token stop) {
    SystemClock clock;
    RequestLines lines(STDERR_FILENO);
    Log log([&lines](std::string_view, std::string_view line) { lines.write(line); },
            LogFormat::json, Severity::info, clock, known_secrets().get());
    auto runtime_client = CurlClient::open(clock);
    if (!runtime_client) return runtime_client.error();
    RuntimeApi api(**runtime_client, clock, host, usual_time());
    const auto refuse = [&api](const Error& error) -> Result<> {
        const LambdaFault fault{"Configuration", known_secrets()->clean(error.what)};
        if (auto told = api.init_error(fault); !told) return told;
        return error;
    };
    if (!config) return refuse(config.error());
    auto parts = parts_of(config->settings, clock);
    if (!parts) return refuse(parts.error());
    const SecretLookup secrets = secret_lookup(config->settings);
    FunctionTapes tapes(config->settings, parts->feeds, clock);
    CollectFunction function(
        {clock, *parts->client, log, secrets, nullptr,
         "lambda " + variable("AWS_LAMBDA_FUNCTION_NAME"), parts->feeds,
         [&tapes](const std::string& brokers, std::chrono::milliseconds patience,
                  Timestamp shown_by) { return tapes.find(brokers, patience, shown_by); },
         [&parts, &clock](const std::string& feed, std::optional<Timestamp> asked, Timestamp now) {
             return slot_of_event(parts->dags, clock, feed, asked, now);
         },
         config->digest, config->settings.tape.deployment});
    return serve_invocations(
        api, clock, log,
        [&](const Invocation& call) {
            lines.begin(call.request_id);
            if (!call.trace.empty()) ::setenv("_X_AMZN_TRACE_ID", call.trace.c_str(), 1);
            LambdaReply reply = function.handle(call);
            lines.end();
            return reply;
        },
        stop);
}

}  // namespace tapedeck
