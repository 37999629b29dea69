#include "net/redirect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/redactor.h"
#include "net/url.h"

namespace tapedeck {
namespace {

bool same_letters(std::string_view left, std::string_view right) {
    return lower_ascii(left) == lower_ascii(right);
}

bool is_harmless(const Header& header) {
    constexpr std::array<std::string_view, 3> kHarmless{"User-Agent", "Accept", "Accept-Language"};
    return std::ranges::any_of(
        kHarmless, [&](std::string_view name) { return same_letters(name, header.name); });
}

// A short secret, or one of digits, is looked for as it is: to follow would be worse than not to.
bool carries_secret(const Request& request, const std::string& target) {
    Redactor redactor;
    for (const Secret& one : request.confidential) {
        redactor.know(one, SecretReach::site);
        if (one.reveal().size() >= 4 && target.find(one.reveal()) != std::string::npos) return true;
    }
    return redactor.holds(target);
}

Failure failed(std::string what) { return {Reason::redirects, std::move(what)}; }

}  // namespace

bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::optional<Failure> redirect(Request& request, int status, std::string_view location,
                                int followed) {
    std::string target = resolved_url(request.url, location);
    if (target.empty()) {
        return failed(fmt::format("{} redirects to what is no http URL", host_of(request.url)));
    }
    if (followed >= request.max_redirects) {
        return failed(fmt::format("redirected {} times, at last from {} to {}", followed + 1,
                                  masked_url(request.url), masked_url(target)));
    }
    // Who posts is sent on to look (RFC 9110 §15.4), unless the status says otherwise; what is put
    // or deleted is so where the answer points.
    const bool keeps_body =
        status == 307 || status == 308 || (status != 303 && request.method != Method::post);
    const bool confident = same_confidence(request.url, target);
    if (has_body(request) && keeps_body && !confident) {
        return failed(fmt::format("{} redirects what was posted to {}", host_of(request.url),
                                  masked_url(target)));
    }
    if (!confident) {
        if (carries_secret(request, target)) {
            return failed(fmt::format("{} redirects to {} with a secret of the request's",
                                      host_of(request.url), host_of(target)));
        }
        request.confidential.clear();
        std::erase_if(request.headers, [](const Header& header) { return !is_harmless(header); });
    }
    if (request.method == Method::remove && !confident) {
        return failed(
            fmt::format("{} redirects a DELETE to {}", host_of(request.url), masked_url(target)));
    }
    if (!keeps_body && request.method != Method::head) {
        request.method = Method::get;
        request.body.clear();
        request.file.reset();
        std::erase_if(request.headers, [](const Header& header) {
            return same_letters(header.name, "Content-Type");
        });
    }
    request.url = std::move(target);
    return std::nullopt;
}

}  // namespace tapedeck
