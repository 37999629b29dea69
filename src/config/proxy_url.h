#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tapedeck {

// A proxy's address, without the name and password that may stand in it.
struct ProxyAddress {
    std::string scheme;  // http, https, socks4, socks4a, socks5 or socks5h
    std::string host;    // with its port where one is given: "proxy.example.com:3128"
};

// Reads "http://user:password@proxy.example.com:3128", as libcurl does; without a scheme it is
// http. `malformed` is the end of a sentence that begins with the key, and shows nothing that could
// be a password.
Result<ProxyAddress> parse_proxy(std::string_view text);

}  // namespace tapedeck
