#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"
#include "market/zone.h"

namespace tapedeck {

enum class TimeUnit { automatic, seconds, milliseconds, microseconds, nanoseconds };

// Reads the moment that a page gives for its price:
//
// - a number since 1970 in `unit`; automatic tells the unit by size, for moments from 2001 to 2199
//   alone, so that neither 20261130 nor 20261130073000 is taken for one;
// - RFC 3339 and ISO 8601: "2026-11-30T05:00:00.5+01:00", "2026-11-30 05:00 +0100", a bare date;
// - as HTTP and mail write it: "Mon, 30 Nov 2026 05:00:00 GMT", "Monday, 30-Nov-26 05:00:00 GMT".
//
// A time of day without "Z", "UTC", "GMT" or an offset is of `zone`, and `malformed` where there is
// none: names such as EST mean several zones. A bare date is its midnight in `zone`, else in UTC.
Result<Timestamp> parse_page_time(std::string_view text, TimeUnit unit,
                                  const std::optional<Zone>& zone);

}  // namespace tapedeck
