#pragma once

#include <string>
#include <vector>

#include "app/assembly.h"
#include "views/pipe.h"

namespace tapedeck {

std::vector<std::string> addresses_of(const std::vector<KafkaBroker>& brokers);

// With what this machine and the configuration know of the way: URL, brokers and spool. Errors are
// the store's; a tape that is away is part of the answer.
Result<PipeStatus> pipe_status(Assembly& assembly, Timestamp now);

void show_pipe(const PipeStatus& pipe, Timestamp now);

}  // namespace tapedeck
