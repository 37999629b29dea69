#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "store/store.h"

namespace tapedeck {

// The place of a batch before which another one is being committed. `turn` is called once, on the
// thread of the commit, where the batch waits for that one, and says whether it was committed.
inline CommitOrder early_order(std::function<bool()> turn) {
    return {true, [turn = std::move(turn), came = std::optional<bool>()](CommitStep step) mutable {
                if (step != CommitStep::written) return CommitTurn::last;
                if (!came) came = turn();
                return *came ? CommitTurn::last : CommitTurn::missed;
            }};
}

}  // namespace tapedeck
