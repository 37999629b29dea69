#pragma once

#include <array>
#include <span>
#include <tuple>

#include "config/fields.h"

namespace tapedeck {

// Who loads while `run` records: run itself, `tapedeck load`, or a Spark cluster.
enum class WhoLoads { here, load, spark };

inline constexpr auto kWhoLoads = std::to_array<Choice<WhoLoads>>(
    {{WhoLoads::here, "here"}, {WhoLoads::load, "load"}, {WhoLoads::spark, "spark"}});
inline std::span<const Choice<WhoLoads>> choices(WhoLoads) { return kWhoLoads; }

// [run]
struct RunSettings {
    WhoLoads loads = WhoLoads::here;
    friend bool operator==(const RunSettings&, const RunSettings&) = default;
};

namespace fields {

inline constexpr auto kRun = std::tuple{
    field("loads", &RunSettings::loads,
          "Who loads while `run` records: run itself (here), `tapedeck load` (load), or a Spark "
          "cluster (spark). Unless it is here, run loads as it begins and ends, and no more."),
};

}  // namespace fields
}  // namespace tapedeck
