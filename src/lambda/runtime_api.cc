#include "lambda/runtime_api.h"

#include <fmt/format.h>

#include <charconv>

#include "base/json_writer.h"
#include "lambda/lambda_events.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr auto kForEver = std::chrono::hours(24 * 24);  // libcurl's longest
constexpr auto kReplyTime = 10s;
constexpr auto kLongestCall = 15min;                            // AWS's limit
constexpr std::int64_t kMostOfAnEvent = std::int64_t{7} << 20;  // AWS's limit is 6 MB
constexpr int kTries = 5;  // to reach an interface that was there

Error error_of(const Failure& failure) { return {row_of(failure.reason).kind, failure.what}; }

}  // namespace

std::string json_of(const LambdaFault& fault) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("errorMessage").text(fault.what);
    json.key("errorType").text(fault.type).key("stackTrace").begin_array().end_array().end_object();
    return out;
}

Result<Answer> RuntimeApi::ask(Request request, std::stop_token stop) {
    request.max_redirects = 0;
    client_.start(RequestId(0), std::move(request));
    while (client_.under_way() > 0) {
        auto answers = client_.wait(kForEver, stop);
        if (!answers.empty()) return std::move(answers.front());
        if (stop.stop_requested()) break;
    }
    client_.cancel_all();
    return Error{ErrorKind::unavailable, "stopped"};
}

// What is no time within the longest call is none at all: emulators say what they like.
Timestamp RuntimeApi::deadline_of(std::string_view text) const {
    const Timestamp now = clock_.now();
    std::int64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole =
        read.ec == std::errc() && read.ptr == text.data() + text.size() && number > 0;
    if (!whole || number > std::int64_t{1} << 50) return now + usual_;
    const Timestamp told{std::chrono::milliseconds(number)};
    const bool possible = told > now - kLongestCall && told <= now + kLongestCall + 1min;
    return possible ? told : now + usual_;
}

Result<std::optional<Invocation>> RuntimeApi::next(std::stop_token stop) {
    Request request;
    request.url = fmt::format("http://{}/2018-06-01/runtime/invocation/next", host_);
    request.timeout = kForEver;
    request.max_bytes = kMostOfAnEvent;
    auto answer = ask(std::move(request), stop);
    if (!answer && stop.stop_requested()) return std::optional<Invocation>();
    if (!answer) return answer.error();
    Invocation invocation;
    invocation.request_id = answer->header("lambda-runtime-aws-request-id");
    const bool too_large = answer->failure && answer->failure->reason == Reason::too_large;
    if (answer->failure && !(too_large && !invocation.request_id.empty())) {
        return error_of(*answer->failure);
    }
    if (!too_large && answer->status != 200) {
        return Error{ErrorKind::unavailable,
                     fmt::format("the runtime interface answered {}", answer->status)};
    }
    if (invocation.request_id.empty()) {
        return Error{ErrorKind::malformed, "the runtime interface gave a call without an id"};
    }
    invocation.event = too_large ? std::string() : std::move(answer->body);
    invocation.deadline = deadline_of(answer->header("lambda-runtime-deadline-ms"));
    invocation.trace = answer->header("lambda-runtime-trace-id");
    return std::optional(std::move(invocation));
}

Result<> RuntimeApi::post(const std::string& path, std::string body, const std::string& type) {
    Request request;
    request.url = fmt::format("http://{}/2018-06-01/runtime/{}", host_, path);
    request.method = Method::post;
    request.headers.push_back({"Content-Type", Secret("application/json")});
    if (!type.empty()) {
        request.headers.push_back(
            {"Lambda-Runtime-Function-Error-Type", Secret("Tapedeck." + type)});
    }
    request.body = std::move(body);
    request.timeout = kReplyTime;
    const auto answer = ask(std::move(request), {});
    if (!answer) return answer.error();
    if (answer->failure) return error_of(*answer->failure);
    if (answer->status < 300) return {};
    const bool over = answer->status == 500;  // "container error: the runtime should exit"
    return Error{over ? ErrorKind::corrupt : ErrorKind::rejected,
                 fmt::format("the runtime interface answered {} to {}", answer->status, path)};
}

Result<> RuntimeApi::reply(const std::string& request_id, const LambdaReply& reply) {
    if (reply.fault) {
        return post(fmt::format("invocation/{}/error", request_id), json_of(*reply.fault),
                    reply.fault->type);
    }
    auto done = post(fmt::format("invocation/{}/response", request_id), reply.body, {});
    if (done || done.error().kind != ErrorKind::rejected) return done;
    const LambdaFault fault{"AnswerRefused", done.error().what};
    auto told = post(fmt::format("invocation/{}/error", request_id), json_of(fault), fault.type);
    return told ? done : told;
}

Result<> RuntimeApi::init_error(const LambdaFault& fault) {
    return post("init/error", json_of(fault), fault.type);
}

Result<> serve_invocations(RuntimeApi& api, Clock& clock, Log& log, const HandleInvocation& handle,
                           std::stop_token stop) {
    for (int failures = 0; !stop.stop_requested();) {
        auto invocation = api.next(stop);
        if (!invocation) {
            if (invocation.error().kind != ErrorKind::malformed && ++failures == kTries) {
                return in_context("the runtime interface", invocation.error());
            }
            log.emit(RuntimeFaulted{invocation.error().what});
            clock.sleep_until(clock.now() + 100ms * failures, stop);
            continue;
        }
        failures = 0;
        if (!*invocation) break;
        const LambdaReply reply = handle(**invocation);
        auto done = api.reply((*invocation)->request_id, reply);
        if (done) continue;
        // What was recorded is recorded; a caller that asks again changes nothing.
        log.emit(RuntimeFaulted{done.error().what});
        if (done.error().kind == ErrorKind::corrupt) return done;
    }
    return {};
}

}  // namespace tapedeck
