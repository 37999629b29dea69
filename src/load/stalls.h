#pragma once

#include <string>

#include "market/message.h"
#include "store/store.h"

namespace tapedeck {

// The store took nothing of the partition from `offset` on when it was last asked.
struct Stall {
    TopicPartition at;  // as the store calls it
    Offset offset;
    std::string what;  // in the store's words
};

// Notes one, or that its words have changed; since when it lasts is kept.
Result<> note_stall(Store& store, const Stall& stall, Timestamp now, const Patience& patience);
// It goes on. A note that cannot be taken away is passed over by the ledger.
Result<> end_stall(Store& store, const TopicPartition& at, const Patience& patience);

}  // namespace tapedeck
