#include "net/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/ascii.h"
#include "base/assert.h"

namespace tapedeck {
namespace {

struct FreeUrl {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using UrlHandle = std::unique_ptr<CURLU, FreeUrl>;

std::optional<std::string> part(const UrlHandle& url, CURLUPart which, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url.get(), which, &text, flags) != CURLUE_OK) return std::nullopt;
    std::string copy(text);
    curl_free(text);
    return copy;
}

// What `text` makes of `base`, or of nothing. Null unless it is http or https with a host.
UrlHandle parse(std::string_view text, UrlHandle base = UrlHandle(curl_url())) {
    TAPEDECK_ASSERT(base);
    UrlHandle handle = std::move(base);
    if (text.find('\0') != std::string_view::npos) return nullptr;
    if (curl_url_set(handle.get(), CURLUPART_URL, std::string(text).c_str(), CURLU_URLENCODE) !=
        CURLUE_OK) {
        return nullptr;
    }
    const auto scheme = part(handle, CURLUPART_SCHEME);
    const bool web = scheme && (lower_ascii(*scheme) == "http" || lower_ascii(*scheme) == "https");
    const auto host = part(handle, CURLUPART_HOST);
    return web && host && !host->empty() ? std::move(handle) : nullptr;
}

std::string host_of(const UrlHandle& url) {
    std::string host = lower_ascii(part(url, CURLUPART_HOST).value_or(""));
    if (const auto port = part(url, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT)) host += ":" + *port;
    return host;
}

}  // namespace

std::string host_of(std::string_view url) {
    const UrlHandle handle = parse(url);
    return handle ? host_of(handle) : std::string();
}

bool is_loopback(std::string_view host) {
    const std::string_view name = host.substr(0, host.rfind(':'));
    return name == "localhost" || name.starts_with("127.") || host == "[::1]" || name == "[::1]";
}

bool same_confidence(std::string_view from, std::string_view to) {
    const UrlHandle left = parse(from);
    const UrlHandle right = parse(to);
    if (!left || !right) return false;
    const std::string before = lower_ascii(part(left, CURLUPART_SCHEME).value_or(""));
    const std::string after = lower_ascii(part(right, CURLUPART_SCHEME).value_or(""));
    if (lower_ascii(*part(left, CURLUPART_HOST)) != lower_ascii(*part(right, CURLUPART_HOST)))
        return false;
    if (before == "http" && after == "https") return true;  // the usual step up; ports differ
    return before == after && host_of(left) == host_of(right);
}

std::string resolved_url(std::string_view base, std::string_view reference) {
    UrlHandle from = parse(base);
    if (!from) return {};
    const UrlHandle handle = parse(reference, std::move(from));
    return handle ? part(handle, CURLUPART_URL).value_or("") : std::string();
}

std::string masked_url(std::string_view url) {
    const UrlHandle handle = parse(url);
    if (!handle) return "(no http URL)";
    std::string text = lower_ascii(part(handle, CURLUPART_SCHEME).value_or("")) + "://";
    if (part(handle, CURLUPART_USER) || part(handle, CURLUPART_PASSWORD)) text += "***@";
    text += host_of(handle);
    text += part(handle, CURLUPART_PATH).value_or("/");
    if (part(handle, CURLUPART_QUERY)) text += "?...";
    return text;
}

}  // namespace tapedeck
