#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tapedeck {

// UTC, microseconds since 1970-01-01, as PostgreSQL's timestamptz resolves it.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

// "2026-11-24T00:05:00Z"; a fraction is written only where it is not zero, without trailing zeros
// ("2026-11-24T00:05:00.412913Z"). Years 0001 to 9999.
std::string format_rfc3339(Timestamp time);
void append_rfc3339(std::string& out, Timestamp time);

// Reads RFC 3339 §5.6 with any offset ("Z", "+01:00"), 'T' or a blank between date and time, and up
// to nine digits of fraction, of which the ones past microseconds are cut. A bare date means its
// midnight, UTC. `malformed` otherwise.
Result<Timestamp> parse_rfc3339(std::string_view text);

// "10s", "5m", "1h30m", "250ms", "2d"; "0" alone is zero. `malformed` otherwise or when negative.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
// The shortest such text: 90 s is "1m30s".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace tapedeck
