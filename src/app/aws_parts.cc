#include "app/aws_parts.h"

#include "app/output.h"

namespace tapedeck {
Result<std::unique_ptr<AwsParts>> AwsParts::open(const Settings& settings, Clock& clock,
                                                 std::stop_token stop) {
    std::unique_ptr<AwsParts> parts(new AwsParts);
    CurlOptions net;
    net.ca_file = settings.net.ca_file;
    auto http = CurlClient::open(clock, std::move(net));
    if (!http) return http.error();
    parts->http_ = *std::move(http);
    AwsOptions options;
    options.region = settings.aws.region;
    options.profile = settings.aws.profile;
    options.endpoint = settings.aws.endpoint;
    auto client = AwsClient::make(
        {AwsSurroundings::of_the_process(), *parts->http_, clock,
         [](const Secret& one) { known_secrets()->know(one, SecretReach::service); }, stop},
        std::move(options));
    if (!client) return client.error();
    parts->client_.emplace(*std::move(client));
    parts->s3_.emplace(*parts->client_, settings.aws.bucket_urls);
    return parts;
}

S3Encryption encryption_of(const Settings& settings) {
    return {settings.aws.encryption, settings.aws.kms_key};
}

}  // namespace tapedeck
