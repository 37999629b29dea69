#include "config/proxy_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.h"

namespace tapedeck {
namespace {

constexpr auto kSchemes =
    std::to_array<std::string_view>({"http", "https", "socks4", "socks4a", "socks5", "socks5h"});

Error refused(std::string_view why) {
    return {ErrorKind::malformed,
            fmt::format("must be a proxy's address such as \"http://proxy.example.com:3128\": {}",
                        why)};
}

bool is_port(std::string_view text) {
    int port = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
    return fault == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65'535;
}

// Where the host ends and its port begins; an address of IPv6 stands in brackets.
std::size_t host_end(std::string_view text) {
    if (!text.starts_with('[')) return std::min(text.find(':'), text.size());
    const std::size_t closing = text.find(']');
    return closing == text.npos ? 0 : closing + 1;
}

}  // namespace

Result<ProxyAddress> parse_proxy(std::string_view text) {
    const bool printable =
        std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > ' '; });
    if (text.empty() || text.size() > 4'096 || !printable) {
        return refused("this is empty, too long, or has blanks in it");
    }
    ProxyAddress address{"http", {}};
    if (const std::size_t mark = text.find("://"); mark != text.npos) {
        address.scheme = lower_ascii(text.substr(0, mark));
        if (std::ranges::find(kSchemes, address.scheme) == kSchemes.end()) {
            return refused(
                fmt::format("\"{}\" is none of http, https, socks4, socks4a, socks5 and socks5h",
                            address.scheme.substr(0, 20)));
        }
        text.remove_prefix(mark + 3);
    }
    if (const std::size_t at = text.rfind('@'); at != text.npos) text.remove_prefix(at + 1);
    if (text.ends_with('/')) text.remove_suffix(1);
    const std::size_t end = host_end(text);
    const std::string_view rest = text.substr(end);
    if (end == 0) return refused("this has no host");
    if (text.find_first_of("/?#") != text.npos) return refused("this has a path behind its host");
    if (!rest.empty() && (!rest.starts_with(':') || !is_port(rest.substr(1)))) {
        return refused("its port is none from 1 to 65535");
    }
    address.host = lower_ascii(text);
    return address;
}

}  // namespace tapedeck
