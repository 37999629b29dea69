#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <tuple>

#include "config/fields.h"

namespace tapedeck {

// [captures]
struct CaptureSettings {
    bool enabled = true;
    std::string path;  // empty: beside the store, see `captures_path`
    std::chrono::milliseconds retention{std::chrono::hours(24 * 90)};  // 0: for ever
    ByteCount budget{std::int64_t{10} << 30};
    friend bool operator==(const CaptureSettings&, const CaptureSettings&) = default;
};

namespace fields {

inline constexpr auto kCaptures = std::tuple{
    field("enabled", &CaptureSettings::enabled,
          "Whether the bytes that sources answered are kept."),
    field("path", &CaptureSettings::path, "The file that keeps them.")
        .if_unset("beside the store: tapedeck.captures.db for tapedeck.db"),
    field("retention", &CaptureSettings::retention,
          "How long a capture is kept; \"0\" keeps it for ever.")
        .between(std::chrono::milliseconds(0), kYears),
    field("budget", &CaptureSettings::budget, "Most disk space for captures; the oldest go first.")
        .between(ByteCount(1 << 20), ByteCount(std::int64_t{1} << 50)),
};

}  // namespace fields
}  // namespace tapedeck
