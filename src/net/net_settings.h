#pragma once

#include <cstdint>
#include <string>
#include <tuple>

#include "base/secret.h"
#include "config/fields.h"
#include "config/text_checks.h"

namespace tapedeck {

// [net]
struct NetSettings {
    std::int32_t connections = 100;  // at once, all hosts together
    Secret proxy;                    // a URL; empty: none
    std::string ca_file;             // PEM; empty: the machine's own
    std::string user_agent = "Mozilla/5.0 (compatible; tapedeck)";
    bool private_redirects = false;  // from the internet into our own network
    friend bool operator==(const NetSettings&, const NetSettings&) = default;
};

namespace fields {

inline constexpr auto kNet = std::tuple{
    field("connections", &NetSettings::connections, "Most connections at once, to all hosts.")
        .between(1, 10'000),
    field("proxy", &NetSettings::proxy, "Proxy for every request; a source's own goes first.")
        .checked(must_be_proxy)
        .for_example("\"http://user:password@proxy.example.com:3128\"")
        .if_unset("none"),
    field("ca_file", &NetSettings::ca_file, "PEM file of the authorities to trust.")
        .if_unset("the machine's own"),
    field("user_agent", &NetSettings::user_agent, "Header User-Agent, where a source names none.")
        .checked(must_be_one_line),
    field("private_redirects", &NetSettings::private_redirects,
          "Whether a site of the internet may redirect to loopback, link-local and private "
          "addresses."),
};

}  // namespace fields
}  // namespace tapedeck
