#pragma once

#include <string>
#include <tuple>

#include "config/fields.h"

namespace tapedeck {

// A calendar of the user's own, which goes before the shipped one of its name.
struct CalendarSettings {
    std::string name;
    std::string file;  // is read when the configuration is
    std::string text;  // what it says
    friend bool operator==(const CalendarSettings&, const CalendarSettings&) = default;
};

namespace fields {

inline constexpr auto kCalendar = std::tuple{
    field("file", &CalendarSettings::file, "Its file; docs/formats/calendars.md says how.")
        .for_example("\"calendars/XNAS.toml\"")
        .if_unset("text says it"),
    field(
        "text", &CalendarSettings::text,
        "What such a file says, in place of one; it stands in the configuration's history, so that "
        "what was expected is known without the file.")
        .if_unset("file says it"),
};

}  // namespace fields
}  // namespace tapedeck
