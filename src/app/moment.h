#pragma once

#include <string_view>

#include "market/zone.h"

namespace tapedeck {

// What people may write for a moment, for messages and --help.
inline constexpr std::string_view kMomentForms =
    "2026-11-24, '2026-11-24 14:05', 14:05, yesterday, 'yesterday 14:05', today, now, -1h (s, m, "
    "h, d, w), or RFC 3339";

// A moment as a person says it, one of kMomentForms: days and clocks are those of `zone`, a day
// alone is its midnight, a clock alone is today's, and "-1h" is that long before `now`.
// `malformed` where it is none, with the forms.
Result<Timestamp> moment_named(std::string_view text, Timestamp now, const Zone& zone);

// The day of `zone`, [midnight, midnight), that a date, today or yesterday names; `malformed`.
struct NamedDay {
    Timestamp begin;
    Timestamp end;
};
Result<NamedDay> day_named(std::string_view text, Timestamp now, const Zone& zone);

}  // namespace tapedeck
