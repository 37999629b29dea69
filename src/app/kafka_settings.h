#pragma once

#include <string>

#include "app/settings.h"
#include "tape/kafka/kafka_options.h"

namespace tapedeck {

bool is_kafka(const Settings& settings);

// Passwords are read from their [secret] now. `rejected` names the one that is not there.
Result<KafkaOptions> kafka_options(const Settings& settings);

// Who commits, who asks: shown in `batches` and to the servers. "tapedeck HOST:PID".
std::string process_name();

}  // namespace tapedeck
