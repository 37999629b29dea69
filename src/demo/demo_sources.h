#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tapedeck {

// Where the demo's server answers in place of `source_url`'s site: the site's host becomes the
// first part of the path. "https://coinmarketcap.com/currencies/{instrument}/" with the base
// "http://127.0.0.1:8123" gives "http://127.0.0.1:8123/coinmarketcap.com/currencies/{instrument}/".
// Templates and queries stay as they are, so a shipped source runs unchanged but for its URLs
// (url, session.cookie_url, session.crumb_url). Text alone: nothing is looked up.
std::string demo_url(std::string_view base, std::string_view source_url);

// The same with a host name of its own for each site:
// "http://coinmarketcap.com.localhost:8123/currencies/{instrument}/". So pace, Retry-After, cookies
// and circuit breakers keep the sites apart, as they do for the real ones; libcurl takes every name
// under .localhost for this machine by itself (RFC 6761 6.3). The server listens on both.
std::string demo_site_url(std::uint16_t port, std::string_view source_url);

// What rows of the demo say in their source: "demo-coinmarketcap".
std::string demo_source_name(std::string_view source);

// The source behind such a name; any other name as it is.
std::string_view real_source_name(std::string_view name);

}  // namespace tapedeck
