#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>

#include "aws/aws_error.h"
#include "aws/credentials.h"
#include "base/clock.h"
#include "net/http_client.h"

namespace tapedeck {

// What the configuration says of AWS.
struct AwsOptions {
    std::string region;    // empty: AWS_REGION's or the profile's
    std::string profile;   // empty: AWS_PROFILE's
    std::string endpoint;  // for every service; empty: AWS_ENDPOINT_URL_S3's and the like
    int tries = 4;         // of a request that fails in passing
};

// One call of a service: a request whose path and query are encoded, without a host.
struct AwsCall {
    std::string service;  // "s3", "lambda", "iam"
    std::string host;     // of a bucket; empty: the service's
    std::string path = "/";
    std::string query;
    std::string doing;         // for messages: "reading s3://bucket/key"
    std::string payload_hash;  // of `request`'s file; empty: it has a body in memory, or none
    Request request;           // its URL is made of the above
};

// Signs calls, asks them, and asks again what failed in passing, with the back-off that AWS
// advises: full jitter, 20 seconds at most. One thread; the parts outlive it.
class AwsClient {
public:
    struct Parts {
        AwsSurroundings around;
        HttpClient& client;  // nobody else has requests under way in it
        Clock& clock;
        std::function<void(const Secret&)> learned{};
        std::stop_token stop{};
    };
    // `rejected` where the shared files cannot be read.
    static Result<AwsClient> make(Parts parts, AwsOptions options);

    // The answer, below 300. Errors: `explained` of what AWS said.
    Result<Answer> call(const AwsCall& call);
    // The same, where an answer of 304, 404 or 412 is one too.
    Result<Answer> look(const AwsCall& call);

    // Where a service is asked: "https://s3.eu-west-1.amazonaws.com". `rejected` without a region.
    Result<std::string> endpoint(const std::string& service) const;
    Result<std::string> region() const;
    // Of a service that has one place for all: IAM's and the like.
    std::string signing_region(const std::string& service) const;
    bool has_own_endpoint(const std::string& service) const { return !overridden(service).empty(); }

    Result<AwsCredentials> credentials() { return chain_->get(); }
    Clock& clock() { return parts_.clock; }
    std::stop_token stop() const { return parts_.stop; }

private:
    AwsClient(Parts parts, AwsOptions options, std::string region);
    std::string overridden(const std::string& service) const;
    Result<Answer> ask(const AwsCall& call, bool absence_is_an_answer);
    Result<Request> signed_request(const AwsCall& call);
    Answer exchange(Request request);
    bool take_time_of(const Answer& answer);

    Parts parts_;
    AwsOptions options_;
    std::string region_;
    std::shared_ptr<AwsCredentialChain> chain_;  // has a mutex, and this is moved
    std::chrono::microseconds skew_{0};          // AWS's clock minus ours, once it has objected
};

}  // namespace tapedeck
