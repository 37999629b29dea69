#pragma once

#include <functional>
#include <utility>

#include "store/store.h"

namespace tapedeck {

// The place of a batch before which another one is being committed. `turn` is called on the thread
// of the commit, where the batch waits for that one, and says whether it was committed.
class EarlyOrder : public CommitOrder {
public:
    explicit EarlyOrder(std::function<bool()> turn) : turn_(std::move(turn)) {}
    bool is_early() const override { return true; }
    bool wait_for_turn() const override { return turn_(); }

private:
    const std::function<bool()> turn_;
};

}  // namespace tapedeck
