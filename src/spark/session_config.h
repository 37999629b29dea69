#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.h"
#include "config/urls.h"
#include "events/log.h"
#include "load/loading_start.h"
#include "market/message.h"
#include "spark/range_loader.h"

namespace tapedeck {

// What is passed to tapedeck_open: spark/abi.h has the form.
struct SessionConfig {
    PostgresUrl store;     // with user and password; without them they are for libpq to find
    std::string identity;  // of the tape
    std::string place;
    std::string deployment;  // empty: any
    std::string loader;
    Severity log = Severity::warn;
    RangeOptions range;
};
// `malformed` or `rejected` names the key; no text holds the password.
Result<SessionConfig> parse_session_config(std::string_view json);

// What is passed to tapedeck_begin: the tape, as somebody else has seen it.
struct TapeFacts {
    struct Partition {
        Extent extent;
        std::optional<Offset> at_time;
        std::optional<Offset> ledger;  // before the extent was asked for: others may load meanwhile
        struct Last {
            Offset offset;
            Sha256 digest;  // of the value
        };
        std::optional<Last> last;  // the last message before that ledger
    };
    std::map<TopicPartition, Partition> partitions;
    StartChoices starts;
};
Result<TapeFacts> parse_tape_facts(std::string_view json);

Result<std::vector<TopicPartition>> parse_partitions(std::string_view json);

}  // namespace tapedeck
