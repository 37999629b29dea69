#include "aws/s3.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "net/retry.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

// Beside its own checksums, which are those of parts: the file's.
constexpr const char* kShaHeader = "x-amz-meta-tapedeck-sha256";
constexpr std::int64_t kListBytes = 16 << 20;
constexpr auto kPartTime = 10min;  // for 64 MiB

bool is_bucket(std::string_view name) {
    return name.size() >= 3 && name.size() <= 63 && std::ranges::all_of(name, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                      c == '_' || (c >= 'A' && c <= 'Z');
           });
}

// Segments that a URL's parser would take away.
bool has_dots(std::string_view key) {
    for (std::size_t at = 0; at <= key.size();) {
        const std::size_t end = std::min(key.find('/', at), key.size());
        const std::string_view segment = key.substr(at, end - at);
        if (segment == "." || segment == "..") return true;
        at = end + 1;
    }
    return false;
}

std::int64_t number_of(std::string_view text) {
    return std::strtoll(std::string(text).c_str(), nullptr, 10);
}

void add(Request& request, std::string name, std::string value) {
    if (!value.empty()) request.headers.push_back({std::move(name), Secret(std::move(value))});
}

void add_headers(Request& request, const S3Headers& headers) {
    add(request, "Content-Type", headers.content_type);
    add(request, "x-amz-server-side-encryption", headers.encryption.algorithm);
    add(request, "x-amz-server-side-encryption-aws-kms-key-id", headers.encryption.key_id);
    add(request, kShaHeader, headers.sha256);
}

S3Object object_of(const S3Place& place, const Answer& answer, Timestamp now) {
    S3Object object;
    object.key = place.key;
    object.size = number_of(answer.header("content-length"));
    object.etag = answer.header("etag");
    object.sha256 = answer.header(kShaHeader);
    if (const auto time = parse_http_date(answer.header("last-modified"), now)) {
        object.modified = *time;
    }
    return object;
}

}  // namespace

Result<S3Place> parse_s3_url(std::string_view url) {
    const auto wrong = [&](const char* what) {
        return Error{ErrorKind::rejected, fmt::format("{}: {}", in_quotes(url), what)};
    };
    if (!url.starts_with("s3://")) return wrong("is no address such as s3://bucket/key");
    url.remove_prefix(5);
    const std::size_t slash = std::min(url.find('/'), url.size());
    S3Place place{std::string(url.substr(0, slash)),
                  std::string(url.substr(std::min(slash + 1, url.size())))};
    if (!is_bucket(place.bucket)) return wrong("names no bucket");
    if (has_dots(place.key)) return wrong("a key with . or .. between slashes cannot be asked for");
    if (place.key.size() > 1024) return wrong("a key has at most 1024 bytes");
    return place;
}

std::string to_string(const S3Place& place) {
    return fmt::format("s3://{}/{}", place.bucket, place.key);
}

Result<AwsCall> S3::call_of(const S3Place& place, Method method, const std::string& doing) const {
    const auto endpoint = client_.endpoint("s3");
    if (!endpoint) return endpoint.error();
    AwsCall call;
    call.service = "s3";
    call.doing = doing;
    call.request.method = method;
    call.request.timeout = 30s;
    call.request.repeatable = true;  // what is put is put once, however often
    const bool in_path =
        style_ == S3UrlStyle::path ||
        (style_ == S3UrlStyle::automatic &&
         (client_.has_own_endpoint("s3") || place.bucket.find('.') != std::string::npos));
    const std::string key = uri_encoded(place.key, true);
    if (in_path) {
        call.path = "/" + uri_encoded(place.bucket) + "/" + key;
    } else {
        call.host = place.bucket + "." + endpoint->substr(endpoint->find("://") + 3);
        call.path = "/" + key;
    }
    return call;
}

Result<XmlElement> S3::ask(const AwsCall& call) {
    const auto answer = client_.call(call);
    if (!answer) return answer.error();
    auto xml = parse_xml(answer->body);
    if (!xml) return in_context(call.doing + ": the answer", xml.error());
    return xml;
}

Result<XmlElement> S3::page_of(const S3Place& place, QueryValues values, const std::string& doing) {
    auto call = call_of(place, Method::get, doing);
    if (!call) return call.error();
    call->query = query_text(std::move(values));
    call->request.max_bytes = kListBytes;
    return ask(*call);
}

Result<std::optional<S3Object>> S3::head(const S3Place& place) {
    auto call = call_of(place, Method::head, "looking at " + to_string(place));
    if (!call) return call.error();
    const auto answer = client_.look(*call);
    if (!answer) return answer.error();
    if (answer->status == 404) return std::optional<S3Object>();
    return std::optional(object_of(place, *answer, client_.clock().now()));
}

Result<std::string> S3::get_range(const S3Place& place, std::int64_t from, std::int64_t to,
                                  const std::string& etag) {
    auto call = call_of(place, Method::get, "reading " + to_string(place));
    if (!call) return call.error();
    add(call->request, "Range", fmt::format("bytes={}-{}", from, to - 1));
    add(call->request, "If-Match", etag);
    call->request.max_bytes = to - from;
    call->request.timeout = kPartTime;
    auto answer = client_.look(*call);
    if (!answer) return answer.error();
    if (answer->status != 206 && answer->status != 200) {
        return Error{ErrorKind::conflict,
                     fmt::format("{} has changed, or gone, while it was read", to_string(place))};
    }
    if (std::cmp_not_equal(answer->body.size(), to - from)) {
        return Error{ErrorKind::unavailable,
                     fmt::format("{}: {} bytes came of {} that were asked for", to_string(place),
                                 answer->body.size(), to - from)};
    }
    return std::move(answer->body);
}

Result<> S3::put_file(const S3Place& place, const FilePart& file, const Sha256& digest,
                      const S3Headers& headers) {
    auto call = call_of(place, Method::put, "writing " + to_string(place));
    if (!call) return call.error();
    add(call->request, "x-amz-checksum-sha256", base64(digest));
    call->request.file = file;
    call->request.timeout = kPartTime;
    call->payload_hash = hex(digest);
    add_headers(call->request, headers);
    const auto answer = client_.call(*call);
    return answer ? Result<>() : answer.error();
}

Result<std::string> S3::begin_multipart(const S3Place& place, const S3Headers& headers) {
    const std::string doing = "beginning to write " + to_string(place);
    auto call = call_of(place, Method::post, doing);
    if (!call) return call.error();
    call->query = "uploads=";
    add_headers(call->request, headers);
    add(call->request, "x-amz-checksum-algorithm", "SHA256");
    const auto xml = ask(*call);
    if (!xml) return xml.error();
    std::string id = xml->value("UploadId");
    if (id.empty()) return Error{ErrorKind::malformed, doing + ": the answer names no upload"};
    return id;
}

Result<S3::Part> S3::put_part(const S3Place& place, const std::string& upload, int number,
                              const FilePart& file, const Sha256& digest) {
    auto call =
        call_of(place, Method::put, fmt::format("writing part {} of {}", number, to_string(place)));
    if (!call) return call.error();
    call->query = query_text({{"partNumber", std::to_string(number)}, {"uploadId", upload}});
    add(call->request, "x-amz-checksum-sha256", base64(digest));
    call->request.file = file;
    call->request.timeout = kPartTime;
    call->payload_hash = hex(digest);
    const auto answer = client_.call(*call);
    if (!answer) return answer.error();
    return Part{number, std::string(answer->header("etag")), base64(digest), file.size};
}

Result<> S3::end_multipart(const S3Place& place, const std::string& upload,
                           const std::vector<Part>& parts) {
    const std::string doing = "ending to write " + to_string(place);
    auto call = call_of(place, Method::post, doing);
    if (!call) return call.error();
    call->query = query_text({{"uploadId", upload}});
    std::string& body = call->request.body;
    body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (const Part& part : parts) {
        body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag>", part.number,
                            xml_escaped(part.etag));
        if (!part.checksum.empty()) {
            body += fmt::format("<ChecksumSHA256>{}</ChecksumSHA256>", part.checksum);
        }
        body += "</Part>";
    }
    body += "</CompleteMultipartUpload>";
    add(call->request, "Content-Type", "application/xml");
    call->request.timeout = kPartTime;
    const auto xml = ask(*call);
    if (!xml) return xml.error();
    // It may answer 200 and then, in the body, that it failed.
    if (xml->find("Error") == nullptr) return {};
    return Error{ErrorKind::unavailable,
                 fmt::format("{}: AWS says {} ({})", doing, xml->find("Error")->value("Code"),
                             xml->find("Error")->value("Message"))};
}

Result<std::vector<std::string>> S3::open_uploads(const S3Place& place) {
    const auto xml = page_of({place.bucket, ""}, {{"uploads", ""}, {"prefix", place.key}},
                             "looking for uploads of " + to_string(place));
    if (!xml) return xml.error();
    std::vector<std::string> ids;
    for (const XmlElement* upload : xml->all("Upload")) {
        if (upload->value("Key") == place.key) ids.push_back(upload->value("UploadId"));
    }
    return ids;
}

Result<std::vector<S3::Part>> S3::parts_of(const S3Place& place, const std::string& upload) {
    std::vector<Part> parts;
    for (std::string marker = "0";;) {
        const auto xml = page_of(place, {{"part-number-marker", marker}, {"uploadId", upload}},
                                 "looking at parts of " + to_string(place));
        if (!xml) return xml.error();
        for (const XmlElement* part : xml->all("Part")) {
            parts.push_back({static_cast<int>(number_of(part->value("PartNumber"))),
                             part->value("ETag"), part->value("ChecksumSHA256"),
                             number_of(part->value("Size"))});
        }
        const std::string next = xml->value("NextPartNumberMarker");
        if (xml->value("IsTruncated") != "true" || next == marker) return parts;
        marker = next;
    }
}

Result<> S3::list(const S3Place& place, bool deep,
                  const std::function<Result<>(const Entry&)>& sink) {
    for (std::string token;;) {
        QueryValues values{{"list-type", "2"}, {"prefix", place.key}};
        if (!deep) values.emplace_back("delimiter", "/");
        if (!token.empty()) values.emplace_back("continuation-token", token);
        const auto xml =
            page_of({place.bucket, ""}, std::move(values), "listing " + to_string(place));
        if (!xml) return xml.error();
        for (const XmlElement* prefix : xml->all("CommonPrefixes")) {
            if (auto done = sink({prefix->value("Prefix"), {}}); !done) return done;
        }
        for (const XmlElement* one : xml->all("Contents")) {
            const auto time = parse_rfc3339(one->value("LastModified"));
            Entry entry;
            entry.object = {one->value("Key"),
                            number_of(one->value("Size")),
                            one->value("ETag"),
                            time ? *time : Timestamp(),
                            {}};
            if (auto done = sink(entry); !done) return done;
        }
        std::string next = xml->value("NextContinuationToken");
        if (next.empty() || next == token) return {};
        token = std::move(next);
    }
}

Result<Secret> S3::presign(const S3Place& place, std::chrono::seconds lasts) {
    const auto call = call_of(place, Method::get, "");
    if (!call) return call.error();
    const auto endpoint = client_.endpoint("s3");
    const auto keys = client_.credentials();
    if (!keys) return keys.error();
    const std::size_t host = endpoint->find("://") + 3;
    const std::string base =
        call->host.empty() ? *endpoint : endpoint->substr(0, host) + call->host;
    return presigned_url(base + call->path, Method::get, *keys,
                         {client_.signing_region("s3"), "s3"}, client_.clock().now(), lasts);
}

}  // namespace tapedeck
