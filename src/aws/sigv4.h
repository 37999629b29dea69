#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/time.h"
#include "net/http_client.h"

// AWS's Signature Version 4 (docs.aws.amazon.com, "AWS Signature Version 4 for API requests").
// libcurl 7.88 signs too, but neither a query out of order nor a body that comes from a file.
namespace tapedeck {

struct AwsCredentials {
    std::string access_key;
    Secret secret_key;
    Secret session_token;              // empty: keys of a user
    std::optional<Timestamp> expires;  // none: not before they are changed
    std::string origin;                // where they were found, for messages
};

struct SigningScope {
    std::string region;
    std::string service;
};

// In place of a body's hash where TLS vouches for it.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

// Adds Authorization and what it needs (X-Amz-Date, X-Amz-Security-Token; of S3
// X-Amz-Content-Sha256) to a request whose path and query are encoded. Every header that it has is
// signed. `payload_hash` is the body's SHA-256 in hex.
void sign(Request& request, const AwsCredentials& credentials, const SigningScope& scope,
          Timestamp now, std::string_view payload_hash);

// `url` with a signature that lets anybody ask for it by `method` until `now` + `lasts`.
Secret presigned_url(const std::string& url, Method method, const AwsCredentials& credentials,
                     const SigningScope& scope, Timestamp now, std::chrono::seconds lasts);

}  // namespace tapedeck
