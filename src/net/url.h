#pragma once

#include <string>
#include <string_view>

namespace tapedeck {

// The host whose budget a request spends: in lower case, with its port where that is not the
// scheme's own: "api.example.com", "127.0.0.1:8080", "[::1]:8080". Empty where `url` is no http or
// https URL. Read by libcurl's own parser, so that what is judged is what is asked.
std::string host_of(std::string_view url);

// True where the host is this machine: localhost, 127.0.0.0/8, ::1.
bool is_loopback(std::string_view host);

// True where `to` is of the same host and port as `from` and does not leave https for http: what
// was said to the one in confidence may be said to the other.
bool same_confidence(std::string_view from, std::string_view to);

// Where `reference` leads from `base` (RFC 3986 §5): "/b" from "http://a.com/x?y" is
// "http://a.com/b". Empty where that is no http or https URL.
std::string resolved_url(std::string_view base, std::string_view reference);

// For messages: no user, no password, and no query, where API keys travel:
// "https://***@example.com/path?...". "(no http URL)" where it is none.
std::string masked_url(std::string_view url);

}  // namespace tapedeck
