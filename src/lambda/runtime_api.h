#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "events/log.h"
#include "net/http_client.h"

// AWS Lambda's interface for custom runtimes (docs.aws.amazon.com, "Using the Lambda runtime API",
// version 2018-06-01).
namespace tapedeck {

// One call of the function.
struct Invocation {
    std::string request_id;
    std::string event;
    Timestamp deadline;  // the process is stopped then
    std::string trace;   // X-Ray's header; empty: none
};

// What a caller is told in place of an answer: its call is an error, which may be made again.
struct LambdaFault {
    std::string type;  // "BadEvent": one word, for programs
    std::string what;
};

struct LambdaReply {
    std::string body;  // JSON
    std::optional<LambdaFault> fault;
};

// The side of the interface that asks. One thread; the parts outlive it.
class RuntimeApi {
public:
    // `host` is AWS_LAMBDA_RUNTIME_API: "127.0.0.1:9001". `usual` is how long a call may take where
    // no deadline is told that could be one.
    RuntimeApi(HttpClient& client, Clock& clock, std::string host, std::chrono::milliseconds usual)
        : client_(client), clock_(clock), host_(std::move(host)), usual_(usual) {}

    // Waits for the next call, however long; nothing after a stop. `unavailable` where the
    // interface is not there, `malformed` where it answers what it must not.
    Result<std::optional<Invocation>> next(std::stop_token stop);

    // Gives the reply, once. `rejected` where it was not taken, and the caller hears of an error
    // of the function's. `corrupt`: nothing more is to be expected of this process.
    Result<> reply(const std::string& request_id, const LambdaReply& reply);

    // Why no call can be taken at all.
    Result<> init_error(const LambdaFault& fault);

private:
    Result<Answer> ask(Request request, std::stop_token stop);
    Result<> post(const std::string& path, std::string body, const std::string& fault_type);
    Timestamp deadline_of(std::string_view text) const;

    HttpClient& client_;
    Clock& clock_;
    const std::string host_;
    const std::chrono::milliseconds usual_;
};

// Takes calls one after the other and gives what `handle` makes of them, until `stop`. An error
// where the interface is gone for good.
using HandleInvocation = std::function<LambdaReply(const Invocation&)>;
Result<> serve_invocations(RuntimeApi& api, Clock& clock, Log& log, const HandleInvocation& handle,
                           std::stop_token stop);

// `fault` as the interface takes it, and as a caller sees it.
std::string json_of(const LambdaFault& fault);

}  // namespace tapedeck
