#pragma once

#include <array>
#include <span>
#include <tuple>

#include "config/fields.h"
#include "events/log.h"

namespace tapedeck {

inline constexpr auto kSeverities = std::to_array<Choice<Severity>>({{Severity::debug, "debug"},
                                                                     {Severity::info, "info"},
                                                                     {Severity::warn, "warn"},
                                                                     {Severity::error, "error"}});
inline std::span<const Choice<Severity>> choices(Severity) { return kSeverities; }

// [log]
struct LogSettings {
    enum class Format { automatic, text, json };
    Severity level = Severity::info;
    Format format = Format::automatic;  // text on a terminal, JSON lines otherwise
    bool core_dumps = false;
    friend bool operator==(const LogSettings&, const LogSettings&) = default;
};

inline constexpr auto kLogFormats =
    std::to_array<Choice<LogSettings::Format>>({{LogSettings::Format::automatic, "auto"},
                                                {LogSettings::Format::text, "text"},
                                                {LogSettings::Format::json, "json"}});
inline std::span<const Choice<LogSettings::Format>> choices(LogSettings::Format) {
    return kLogFormats;
}

namespace fields {

inline constexpr auto kLog = std::tuple{
    field("level", &LogSettings::level,
          "The least severity that is written; where it is not set, the live table and `collect` "
          "write from warn on, and verbs that look write errors."),
    field("format", &LogSettings::format,
          "How events are written; auto is text on a terminal and JSON lines otherwise."),
    field("core_dumps", &LogSettings::core_dumps,
          "Whether a crash may leave a core dump; it would hold the secrets in memory."),
};

}  // namespace fields
}  // namespace tapedeck
