#pragma once

#include "store/store.h"
#include "tape/tape.h"

namespace tapedeck {

// Forgets the messages of every loaded partition that are older than `before` and below the
// ledger; what is not loaded yet stays, whatever its age.
Result<> discard_loaded(Tape& tape, Store& store, Timestamp before);

}  // namespace tapedeck
