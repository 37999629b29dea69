#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http_client.h"

namespace tapedeck {

// True for the statuses that send a client elsewhere where they come with a Location (RFC 9110
// §15.4): 301, 302, 303, 307, 308.
bool is_redirect(int status);

// Turns `request` into the one that an answer of `status` with `location` sends it to; `followed`
// hops went before. A `redirects` failure, with `request` as it was, beyond max_redirects and for
// anywhere but http and https.
//
// Decided here and not by libcurl, for two reasons. Headers hold API keys, and libcurl keeps only
// Authorization and Cookie from a foreign host: here, nothing but User-Agent, Accept and
// Accept-Language goes to another host or from https to http; a URL that would carry there what is
// confidential in `request` is refused, in whatever form the site gave it. And a circle is not cut
// short when a URL comes back, as sites set a cookie by redirecting to themselves: the count ends
// it.
std::optional<Failure> redirect(Request& request, int status, std::string_view location,
                                int followed);

}  // namespace tapedeck
