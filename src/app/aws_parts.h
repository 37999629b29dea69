#pragma once

#include <memory>
#include <stop_token>

#include "app/config.h"
#include "aws/aws_client.h"
#include "aws/s3.h"
#include "net/curl_client.h"

namespace tapedeck {

// A client of AWS as the configuration says, with a connection to the web of its own.
class AwsParts {
public:
    // Secrets of the credentials are known (`known_secrets`) before they are used. The clock must
    // outlive it.
    static Result<std::unique_ptr<AwsParts>> open(const Settings& settings, Clock& clock,
                                                  std::stop_token stop = {});

    AwsClient& client() { return *client_; }
    S3& s3() { return *s3_; }

private:
    AwsParts() = default;
    std::unique_ptr<CurlClient> http_;
    std::optional<AwsClient> client_;
    std::optional<S3> s3_;
};

// What is put into S3 is encrypted so.
S3Encryption encryption_of(const Settings& settings);

}  // namespace tapedeck
