#include "aws/sigv4.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "aws/encoding.h"
#include "base/ascii.h"

namespace tapedeck {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

struct UrlParts {
    std::string host;
    std::string path;
    std::string query;
};

// Of a URL of our own making: the client's parser would decode and encode again.
UrlParts parts_of(const std::string& url) {
    const std::size_t begin = url.find("://") + 3;
    const std::size_t end = std::min(url.find_first_of("/?", begin), url.size());
    const std::size_t query = std::min(url.find('?', end), url.size());
    UrlParts parts;
    parts.host = url.substr(begin, end - begin);
    parts.path = url.substr(end, query - end);
    if (parts.path.empty()) parts.path = "/";
    if (query < url.size()) parts.query = url.substr(query + 1);
    return parts;
}

// Without blanks around, and none beside another.
std::string squeezed(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
        out += c;
    }
    if (out.ends_with(' ')) out.pop_back();
    return out;
}

// The query's parts as they stand, in order; one without "=" has an empty value.
std::string sorted_query(const std::string& query) {
    std::vector<std::pair<std::string, std::string>> values;
    for (std::size_t at = 0; at < query.size();) {
        const std::size_t end = std::min(query.find('&', at), query.size());
        const std::string part = query.substr(at, end - at);
        const std::size_t equals = part.find('=');
        values.emplace_back(part.substr(0, equals),
                            equals == std::string::npos ? "" : part.substr(equals + 1));
        at = end + 1;
    }
    std::ranges::sort(values);
    std::string out;
    for (const auto& [name, value] : values) {
        out += (out.empty() ? "" : "&") + name + "=" + value;
    }
    return out;
}

// S3 takes the path as it is sent, the others encode it once more.
std::string canonical_path(const std::string& path, const SigningScope& scope) {
    return scope.service == "s3" ? path : uri_encoded(path, true);
}

// "20261124T000500Z".
std::string instant_of(Timestamp now) {
    std::string text = format_rfc3339(std::chrono::floor<std::chrono::seconds>(now));
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return text;
}
std::string day_of(Timestamp now) { return instant_of(now).substr(0, 8); }

std::string scope_text(const SigningScope& scope, Timestamp now) {
    return fmt::format("{}/{}/{}/aws4_request", day_of(now), scope.region, scope.service);
}

std::string signature_of(const std::string& canonical, const AwsCredentials& credentials,
                         const SigningScope& scope, Timestamp now) {
    const std::string text = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, instant_of(now),
                                         scope_text(scope, now), hex(sha256(canonical)));
    const auto date_key = hmac_sha256("AWS4" + credentials.secret_key.reveal(), day_of(now));
    const auto region_key = hmac_sha256(as_text(date_key), scope.region);
    const auto service_key = hmac_sha256(as_text(region_key), scope.service);
    const auto key = hmac_sha256(as_text(service_key), "aws4_request");
    return hex(hmac_sha256(as_text(key), text));
}

// The headers that are signed, as lines, and their names with ";" between.
struct SignedHeaders {
    std::string lines;
    std::string names;
};

SignedHeaders signed_headers(const Request& request, const std::string& host) {
    std::map<std::string, std::string> all{{"host", host}};
    for (const Header& header : request.headers) {
        std::string& value = all[lower_ascii(header.name)];
        value += (value.empty() ? "" : ",") + squeezed(header.value.reveal());
    }
    SignedHeaders out;
    for (const auto& [name, value] : all) {
        out.lines += name + ":" + value + "\n";
        out.names += (out.names.empty() ? "" : ";") + name;
    }
    return out;
}

}  // namespace

void sign(Request& request, const AwsCredentials& credentials, const SigningScope& scope,
          Timestamp now, std::string_view payload_hash) {
    const UrlParts url = parts_of(request.url);
    request.headers.push_back({"X-Amz-Date", Secret(instant_of(now))});
    if (!credentials.session_token.empty()) {
        request.headers.push_back({"X-Amz-Security-Token", credentials.session_token});
    }
    if (scope.service == "s3") {
        request.headers.push_back({"X-Amz-Content-Sha256", Secret(std::string(payload_hash))});
    }
    const SignedHeaders headers = signed_headers(request, url.host);
    const std::string canonical = fmt::format(
        "{}\n{}\n{}\n{}\n{}\n{}", to_string(request.method), canonical_path(url.path, scope),
        sorted_query(url.query), headers.lines, headers.names, payload_hash);
    request.headers.push_back(
        {"Authorization",
         Secret(fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                            credentials.access_key, scope_text(scope, now), headers.names,
                            signature_of(canonical, credentials, scope, now)))});
}

Secret presigned_url(const std::string& url, Method method, const AwsCredentials& credentials,
                     const SigningScope& scope, Timestamp now, std::chrono::seconds lasts) {
    const UrlParts parts = parts_of(url);
    QueryValues values{{"X-Amz-Algorithm", std::string(kAlgorithm)},
                       {"X-Amz-Credential", credentials.access_key + "/" + scope_text(scope, now)},
                       {"X-Amz-Date", instant_of(now)},
                       {"X-Amz-Expires", std::to_string(lasts.count())},
                       {"X-Amz-SignedHeaders", "host"}};
    if (!credentials.session_token.empty()) {
        values.emplace_back("X-Amz-Security-Token", credentials.session_token.reveal());
    }
    const std::string query =
        sorted_query((parts.query.empty() ? "" : parts.query + "&") + query_text(values));
    const std::string canonical =
        fmt::format("{}\n{}\n{}\nhost:{}\n\nhost\n{}", to_string(method),
                    canonical_path(parts.path, scope), query, parts.host, kUnsignedPayload);
    return Secret(fmt::format("{}?{}&X-Amz-Signature={}", url.substr(0, url.find('?')), query,
                              signature_of(canonical, credentials, scope, now)));
}

}  // namespace tapedeck
