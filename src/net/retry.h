#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "net/http_client.h"

namespace tapedeck {

// Reads an HTTP date (RFC 9110 §5.6.7) in its three forms:
//   Sun, 06 Nov 1994 08:49:37 GMT · Sunday, 06-Nov-94 08:49:37 GMT · Sun Nov  6 08:49:37 1994
// The weekday is not checked against the date. A year of two digits is the one at most 50 years
// after `now`. Nothing where it is no such date.
std::optional<Timestamp> parse_http_date(std::string_view text, Timestamp now);

// How long a Retry-After header (RFC 9110 §10.2.3: seconds, or an HTTP date) asks to wait from
// `now` on: never below zero, never above `cap`, as a server must not be able to silence a feed for
// good. `now` is best the answer's own Date header, so that a wrong clock here does no harm.
// Nothing where it cannot be read; the caller then waits as if there were no header.
std::optional<std::chrono::milliseconds> parse_retry_after(
    std::string_view value, Timestamp now, std::chrono::milliseconds cap = std::chrono::hours(1));

// How long to wait before try number `attempt` + 1, the first failure being attempt 0: evenly
// distributed over [0, min(cap, base * 2^attempt)], "full jitter", so that a hundred collectors
// that failed together do not come back together. The same arguments give the same answer.
std::chrono::milliseconds backoff(unsigned attempt, std::chrono::milliseconds base,
                                  std::chrono::milliseconds cap, std::uint64_t seed);

// Whether `request` may be asked again after `answer`, which was none, 429 or 5xx. What asks (GET,
// HEAD) and what sets a state (PUT, DELETE; RFC 9110 §9.2.2) may; a POST only where its caller said
// that it may be repeated, or where it surely did not arrive.
bool may_ask_again(const Request& request, const Answer& answer);

}  // namespace tapedeck
