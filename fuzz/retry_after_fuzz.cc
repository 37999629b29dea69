// Any bytes as Retry-After, as an HTTP date, as a URL and as a redirect's Location.
#include <cstddef>
#include <cstdint>

#include "net/redirect.h"
#include "net/retry.h"
#include "net/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tapedeck;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const Timestamp now = *parse_rfc3339("2026-11-24T00:05:00Z");
    const auto wait = parse_retry_after(bytes, now);
    TAPEDECK_ASSERT(!wait || (wait->count() >= 0 && *wait <= std::chrono::hours(1)));
    static_cast<void>(parse_http_date(bytes, now));

    // What a URL resolves to stays what it is, and shows no password.
    const std::string resolved = resolved_url("https://example.com/a/b", bytes);
    TAPEDECK_ASSERT(resolved.empty() || !host_of(resolved).empty());
    static_cast<void>(masked_url(bytes));
    static_cast<void>(is_loopback(host_of(bytes)));

    Request request;
    request.url = "https://example.com/a/b";
    request.headers = {{"X-Api-Key", Secret("hunter2")}};
    if (!redirect(request, 302, bytes, 0)) {
        const std::string host = host_of(request.url);
        TAPEDECK_ASSERT(!host.empty());
        TAPEDECK_ASSERT(request.headers.empty() || host == "example.com");
    }
    return 0;
}
