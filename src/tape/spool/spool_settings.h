#pragma once

#include <cstdint>
#include <string>
#include <tuple>

#include "config/fields.h"

namespace tapedeck {

// What [tape] says of the spool.
struct SpoolSettings {
    std::string file;                           // empty: beside the store
    ByteCount budget{std::int64_t{256} << 20};  // 0: no spool
    friend bool operator==(const SpoolSettings&, const SpoolSettings&) = default;
};

namespace fields {

inline constexpr auto kSpool = std::tuple{
    field("spool", &SpoolSettings::file,
          "The file that keeps messages while the tape is away: Kafka down, a file locked. The "
          "journal of a store in a server lies in the same folder.")
        .if_unset("beside the store: tapedeck.spool.db for tapedeck.db"),
    field("spool_budget", &SpoolSettings::budget,
          "Most bytes of messages in the spool; \"0B\" keeps none: then the tape must be there.")
        .between(ByteCount(0), ByteCount(std::int64_t{1} << 40)),
};

}  // namespace fields
}  // namespace tapedeck
