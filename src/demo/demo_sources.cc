#include "demo/demo_sources.h"

#include <fmt/format.h>

namespace tapedeck {
namespace {

// Host (with its port, if any) and the rest, which begins with '/', '?' or is empty.
struct UrlParts {
    std::string_view host;
    std::string_view rest;
};

UrlParts parts_of(std::string_view url) {
    if (const auto scheme = url.find("://"); scheme != std::string_view::npos) {
        url.remove_prefix(scheme + 3);
    }
    const auto end = std::min(url.find_first_of("/?#"), url.size());
    std::string_view host = url.substr(0, end);
    if (const auto user = host.rfind('@'); user != std::string_view::npos) {
        host.remove_prefix(user + 1);
    }
    return {host, url.substr(end)};
}

}  // namespace

std::string demo_url(std::string_view base, std::string_view source_url) {
    const UrlParts parts = parts_of(source_url);
    while (base.ends_with('/')) base.remove_suffix(1);
    return fmt::format("{}/{}{}", base, parts.host, parts.rest);
}

std::string demo_site_url(std::uint16_t port, std::string_view source_url) {
    const UrlParts parts = parts_of(source_url);
    const std::string_view host = parts.host.substr(0, parts.host.rfind(':'));
    return fmt::format("http://{}.localhost:{}{}", host, port, parts.rest);
}

std::string demo_source_name(std::string_view source) { return fmt::format("demo-{}", source); }

std::string_view real_source_name(std::string_view name) {
    constexpr std::string_view kMark = "demo-";
    return name.starts_with(kMark) ? name.substr(kMark.size()) : name;
}

}  // namespace tapedeck
