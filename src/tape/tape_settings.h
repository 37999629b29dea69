#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <tuple>

#include "config/fields.h"
#include "config/urls.h"

namespace tapedeck {

// What [tape] says of every tape.
struct TapePlace {
    TapeUrl url;
    std::int32_t partitions = 3;
    std::chrono::milliseconds retention{0};  // 0: for ever
    friend bool operator==(const TapePlace&, const TapePlace&) = default;
};

namespace fields {

inline constexpr auto kTapePlace = std::tuple{
    field("url", &TapePlace::url,
          "Where messages live: in the SQLite store itself, in an SQLite file, or in Kafka.")
        .for_example("\"kafka://broker1:9092,broker2:9092\""),
    field("partitions", &TapePlace::partitions,
          "Partitions of a topic that tapedeck makes in Kafka; a topic that exists keeps its own, "
          "and an embedded tape has one.")
        .between(1, 1024),
    field("retention", &TapePlace::retention,
          "How long messages that were loaded stay on an embedded tape; \"0\" keeps them.")
        .between(std::chrono::milliseconds(0), kYears),
};

}  // namespace fields
}  // namespace tapedeck
