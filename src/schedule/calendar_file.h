#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/shipped.h"
#include "market/calendar.h"

namespace tapedeck {

// Reads a calendar's TOML text, docs/formats/calendars.md; foreign bytes. `path` is for errors,
// which name file, line and value. `malformed` where the text cannot be read, `rejected` where the
// days contradict one another.
Result<Calendar> parse_calendar(std::string_view path, std::string_view text);

// The calendar `name`: `always`, or that of the last file in `files` whose path ends with
// "calendars/NAME.toml", so that a user's own files, put last, win over shipped ones. A file that
// says `like = "OTHER"` has the other's days under its own name. `rejected` where there is none;
// the text lists the names that there are.
Result<Calendar> calendar_named(std::string_view name,
                                std::span<const ShippedFile> files = shipped_files());

// A user's own calendar `name`, by its text: as a file of that name says. `like` in it names a
// shipped one.
Result<Calendar> calendar_of_text(std::string_view name, std::string_view text,
                                  std::span<const ShippedFile> files = shipped_files());

// `always`, then the names in `files`, in order.
std::vector<std::string> calendar_names(std::span<const ShippedFile> files = shipped_files());

}  // namespace tapedeck
