#include "aws/aws_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/sha256.h"
#include "net/retry.h"
#include "net/url.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return text;
}

bool is_global(const std::string& service) { return service == "iam"; }

}  // namespace

Result<AwsClient> AwsClient::make(Parts parts, AwsOptions options) {
    const auto profiles = read_profiles(parts.around);
    if (!profiles) return profiles.error();
    const std::string profile = profile_name(parts.around, options.profile);
    std::string region = region_of(parts.around, *profiles, profile, options.region);
    return AwsClient(std::move(parts), std::move(options), std::move(region));
}

AwsClient::AwsClient(Parts parts, AwsOptions options, std::string region)
    : parts_(std::move(parts)), options_(std::move(options)), region_(std::move(region)) {
    chain_ = std::make_shared<AwsCredentialChain>(AwsCredentialChain::Parts{
        parts_.around, parts_.client, parts_.clock, options_.profile, parts_.learned});
}

std::string AwsClient::overridden(const std::string& service) const {
    std::string url = options_.endpoint;
    if (url.empty())
        url = parts_.around.variable("AWS_ENDPOINT_URL_" + upper(service)).value_or("");
    if (url.empty()) url = parts_.around.variable("AWS_ENDPOINT_URL").value_or("");
    while (url.ends_with('/')) url.pop_back();
    return url;
}

Result<std::string> AwsClient::region() const {
    if (!region_.empty()) return region_;
    return Error{ErrorKind::rejected,
                 "no region of AWS: name it in [aws] region, AWS_REGION or the profile"};
}

std::string AwsClient::signing_region(const std::string& service) const {
    if (!is_global(service)) return region_;
    if (region_.starts_with("cn-")) return "cn-north-1";
    return region_.starts_with("us-gov-") ? "us-gov-west-1" : "us-east-1";
}

Result<std::string> AwsClient::endpoint(const std::string& service) const {
    if (const auto known = region(); !known) return known.error();
    if (std::string own = overridden(service); !own.empty()) {
        if (host_of(own).empty()) {
            return Error{ErrorKind::rejected,
                         "the endpoint of AWS is no address: " + masked_url(own)};
        }
        return own;
    }
    const std::string domain = region_.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
    if (is_global(service)) return fmt::format("https://{}.{}", service, domain);
    return fmt::format("https://{}.{}.{}", service, region_, domain);
}

Result<Request> AwsClient::signed_request(const AwsCall& call) {
    const auto base = endpoint(call.service);
    if (!base) return base.error();
    const auto keys = chain_->get();
    if (!keys) return keys.error();
    Request request = call.request;
    const std::size_t host = base->find("://") + 3;
    request.url = call.host.empty() ? *base : base->substr(0, host) + call.host;
    request.url += call.path + (call.query.empty() ? "" : "?" + call.query);
    request.max_redirects = 0;
    request.confidential.push_back(keys->secret_key);
    const std::string hash =
        call.payload_hash.empty() ? hex(sha256(request.body)) : call.payload_hash;
    sign(request, *keys, {signing_region(call.service), call.service}, parts_.clock.now() + skew_,
         hash);
    return request;
}

Answer AwsClient::exchange(Request request) {
    parts_.client.start(RequestId(0), std::move(request));
    while (parts_.client.under_way() > 0 && !parts_.stop.stop_requested()) {
        auto answers = parts_.client.wait(1h, parts_.stop);
        if (!answers.empty()) return std::move(answers.front());
    }
    parts_.client.cancel_all();
    Answer stopped;
    stopped.failure = Failure{Reason::interrupted, "the program was stopped"};
    return stopped;
}

// Whether the service's clock is another than ours, by its Date.
bool AwsClient::take_time_of(const Answer& answer) {
    const auto theirs = parse_http_date(answer.header("date"), parts_.clock.now());
    if (!theirs) return false;
    const auto skew = *theirs - parts_.clock.now();
    const bool changed = std::chrono::abs(skew - skew_) > 1min;
    if (changed) skew_ = skew;
    return changed;
}

Result<Answer> AwsClient::ask(const AwsCall& call, bool absence_is_an_answer) {
    bool told_time = false;
    for (int tries = 1;; ++tries) {
        auto request = signed_request(call);
        if (!request) return in_context(call.doing, request.error());
        Answer answer = exchange(*request);
        const auto fault = fault_of(answer);
        if (!fault) return answer;
        const bool absent = answer.status == 304 || answer.status == 404 || answer.status == 412;
        if (absence_is_an_answer && absent && !answer.failure) return answer;
        if (!told_time && is_skew(*fault) && take_time_of(answer)) {
            told_time = true;
            continue;
        }
        // What AWS has refused it has not done: throttled calls may all be made again.
        const bool again = (answer.failure || answer.status >= 500)
                               ? may_ask_again(*request, answer)
                               : is_passing(*fault);
        if (!again || tries >= options_.tries || parts_.stop.stop_requested()) {
            return explained(call.doing, *fault);
        }
        const auto now = parts_.clock.now();
        const auto asked = parse_retry_after(answer.header("retry-after"), now, 20s);
        const auto seed = static_cast<std::uint64_t>(now.time_since_epoch().count());
        const auto rest = asked.value_or(backoff(static_cast<unsigned>(tries), 500ms, 20s, seed));
        parts_.clock.sleep_until(now + rest, parts_.stop);
    }
}

Result<Answer> AwsClient::call(const AwsCall& call) { return ask(call, false); }
Result<Answer> AwsClient::look(const AwsCall& call) { return ask(call, true); }

}  // namespace tapedeck
