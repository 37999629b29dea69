#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <tuple>

#include "config/fields.h"
#include "config/text_checks.h"

namespace tapedeck {

// [load]
struct LoadSettings {
    std::string group;  // empty: the deployment's own
    std::chrono::milliseconds session_timeout{10'000};
    std::int32_t batch_rows = 50'000;
    ByteCount batch_bytes{8 * 1024 * 1024};
    friend bool operator==(const LoadSettings&, const LoadSettings&) = default;
};

namespace fields {

inline constexpr auto kLoad = std::tuple{
    field("group", &LoadSettings::group,
          "Kafka's consumer group: the loaders of one store share the partitions under one name.")
        .checked(must_be_name)
        .if_unset("tapedeck- and the deployment's id"),
    field("session_timeout", &LoadSettings::session_timeout,
          "A loader that Kafka does not hear of for so long loses its partitions to the others.")
        .between(std::chrono::seconds(1), std::chrono::seconds(300)),
    field("batch_rows", &LoadSettings::batch_rows,
          "Most rows in one transaction; those of one message stay together.")
        .between(1, 1'000'000),
    field("batch_bytes", &LoadSettings::batch_bytes, "Most bytes of messages in one transaction.")
        .between(ByteCount(4'096), ByteCount(std::int64_t{1} << 30)),
};

}  // namespace fields
}  // namespace tapedeck
