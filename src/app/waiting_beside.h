#pragma once

#include <optional>

#include "app/assembly.h"
#include "run/held_back.h"

namespace tapedeck {

// What waits on this machine in the spool or in the schedule's journal of the configuration, which
// are only looked at, or in the memory of a recorder whose disk is full. To be asked before tape
// and store are read.
std::optional<HeldBack> waiting_beside(Assembly& assembly);

}  // namespace tapedeck
