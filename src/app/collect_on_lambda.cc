#include "app/collect_on_lambda.h"

#include <fmt/format.h>

#include "app/aws_parts.h"
#include "aws/functions.h"
#include "aws/json_text.h"
#include "base/json_writer.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

// A recorder ends by what is corrupt of its own; what somebody else says is not.
Error foreign(const Feed& feed, const Error& error) {
    const ErrorKind kind =
        error.kind == ErrorKind::rejected ? ErrorKind::rejected : ErrorKind::unavailable;
    return in_context("function " + feed.function, Error{kind, error.what});
}

}  // namespace

std::string event_of(const Feed& feed, const CollectJob& job) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("feed").text(feed.name).key("slot").text(format_rfc3339(job.slot));
    json.key("run_id").text(job.run_id).key("try").number(job.try_number);
    json.key("config").text(job.config);
    if (!job.deployment.empty()) json.key("deployment").text(job.deployment);
    json.key("instruments").begin_array();
    for (const std::string& instrument : job.instruments) json.text(instrument);
    json.end_array().end_object();
    return out;
}

Result<RunOutcomes> collect_on_lambda(const Settings& settings, Clock& clock, const Feed& feed,
                                      const CollectJob& job, std::stop_token stop) {
    auto parts = AwsParts::open(settings, clock, stop);
    if (!parts) return foreign(feed, parts.error());
    AwsFunctions functions((*parts)->client());
    const auto patience =
        std::max<std::chrono::milliseconds>(
            std::chrono::ceil<std::chrono::milliseconds>(job.deadline - clock.now()), 1s) +
        60s;
    auto said = functions.invoke(feed.function, event_of(feed, job), InvokeKind::answer, patience);
    if (!said) return foreign(feed, said.error());
    const auto json = JsonText::parse(said->payload);
    if (!json) return foreign(feed, in_context("its answer", json.error()));
    if (!said->error.empty()) {
        return foreign(feed, {ErrorKind::unavailable,
                              json->text("/errorType") + ": " + json->text("/errorMessage")});
    }
    auto account = decode_outcomes(json->text("/account"));
    if (!account) return foreign(feed, in_context("the account in its answer", account.error()));
    return account;
}

}  // namespace tapedeck
