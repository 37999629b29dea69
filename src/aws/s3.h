#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/aws_client.h"
#include "aws/aws_settings.h"
#include "aws/encoding.h"
#include "aws/xml_text.h"
#include "base/sha256.h"

namespace tapedeck {

// "s3://bucket/prefix/key"; the key may be empty.
struct S3Place {
    std::string bucket;
    std::string key;
};
// `rejected` where it is no such address, or has a key that no URL can carry ("." or "..").
Result<S3Place> parse_s3_url(std::string_view url);
std::string to_string(const S3Place& place);

struct S3Encryption {
    std::string algorithm;  // "AES256", "aws:kms"; empty: as the bucket has it
    std::string key_id;     // of aws:kms
};

struct S3Object {
    std::string key;
    std::int64_t size = 0;
    std::string etag;
    Timestamp modified;
    std::string sha256;  // that `put` left with it, in hex; of `head` and `get` alone
};

// What an object is sent with.
struct S3Headers {
    std::string content_type = "application/octet-stream";
    S3Encryption encryption;
    std::string sha256;  // of the whole, in hex, kept as its metadata; empty: none
};

// S3's calls, each of a part of a file or of what fits into memory. One thread.
class S3 {
public:
    S3(AwsClient& client, S3UrlStyle style) : client_(client), style_(style) {}

    // Nothing where there is no such object.
    Result<std::optional<S3Object>> head(const S3Place& place);

    // Bytes [from, to) of the object that has this etag; `conflict` where it has changed.
    Result<std::string> get_range(const S3Place& place, std::int64_t from, std::int64_t to,
                                  const std::string& etag);
    // A part of a file whose SHA-256 is known.
    Result<> put_file(const S3Place& place, const FilePart& file, const Sha256& digest,
                      const S3Headers& headers);

    Result<std::string> begin_multipart(const S3Place& place, const S3Headers& headers);
    struct Part {
        int number = 0;
        std::string etag;
        std::string checksum;  // base64 of its SHA-256
        std::int64_t size = 0;
    };
    Result<Part> put_part(const S3Place& place, const std::string& upload, int number,
                          const FilePart& file, const Sha256& digest);
    Result<> end_multipart(const S3Place& place, const std::string& upload,
                           const std::vector<Part>& parts);
    // Uploads of this very key that were begun and not ended, and what arrived of one.
    Result<std::vector<std::string>> open_uploads(const S3Place& place);
    Result<std::vector<Part>> parts_of(const S3Place& place, const std::string& upload);

    struct Entry {
        std::string prefix;  // of what lies deeper; else empty
        S3Object object;
    };
    // Objects whose key begins with the place's key, in the order of their keys; with `deep` not
    // set what lies behind a further "/" is one entry.
    Result<> list(const S3Place& place, bool deep,
                  const std::function<Result<>(const Entry&)>& sink);

    // Anybody may read it so until then. At most seven days, as AWS has it.
    Result<Secret> presign(const S3Place& place, std::chrono::seconds lasts);

private:
    Result<AwsCall> call_of(const S3Place& place, Method method, const std::string& doing) const;
    // The answer's XML.
    Result<XmlElement> ask(const AwsCall& call);
    // One page of a list.
    Result<XmlElement> page_of(const S3Place& place, QueryValues values, const std::string& doing);

    AwsClient& client_;
    S3UrlStyle style_;
};

}  // namespace tapedeck
