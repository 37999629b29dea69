#pragma once

#include <array>
#include <span>
#include <string>
#include <tuple>

#include "config/fields.h"
#include "config/text_checks.h"

namespace tapedeck {

// How buckets are named in URLs: before the host, or in the path. `automatic`: in the path where
// the endpoint is not AWS's own, or the name has dots, which no certificate covers.
enum class S3UrlStyle { automatic, path, host };

inline constexpr auto kS3UrlStyles = std::to_array<Choice<S3UrlStyle>>(
    {{S3UrlStyle::automatic, "auto"}, {S3UrlStyle::path, "path"}, {S3UrlStyle::host, "host"}});
inline std::span<const Choice<S3UrlStyle>> choices(S3UrlStyle) { return kS3UrlStyles; }

// [aws]
struct AwsSettings {
    std::string region;    // empty: AWS_REGION's, or the profile's
    std::string profile;   // empty: AWS_PROFILE's
    std::string endpoint;  // of every service; empty: AWS's own
    S3UrlStyle bucket_urls = S3UrlStyle::automatic;
    std::string encryption;  // of what is put into S3; empty: as the bucket has it
    std::string kms_key;
    friend bool operator==(const AwsSettings&, const AwsSettings&) = default;
};

namespace fields {

inline constexpr auto kAws = std::tuple{
    field("region", &AwsSettings::region, "Region of AWS.")
        .checked(must_be_name)
        .for_example("\"eu-west-1\"")
        .if_unset("AWS_REGION, or the profile's"),
    field("profile", &AwsSettings::profile,
          "Profile of AWS's shared files; it goes before keys of the environment.")
        .checked(must_be_one_line)
        .if_unset("AWS_PROFILE, or default"),
    field("endpoint", &AwsSettings::endpoint, "Address of every service, in place of AWS's own.")
        .checked(must_be_http_url)
        .for_example("\"http://127.0.0.1:4566\"")
        .if_unset("AWS_ENDPOINT_URL, or AWS's own"),
    field("bucket_urls", &AwsSettings::bucket_urls,
          "Where a bucket's name stands: host, before the host; path; auto, in the path where the "
          "endpoint is not AWS's own or the name has dots."),
    field("encryption", &AwsSettings::encryption,
          "How S3 encrypts what is put there: AES256 or aws:kms.")
        .checked(must_be_one_line)
        .if_unset("as the bucket has it"),
    field("kms_key", &AwsSettings::kms_key, "Id of the key, with aws:kms.")
        .checked(must_be_one_line)
        .if_unset("AWS's own"),
};

}  // namespace fields
}  // namespace tapedeck
