#pragma once

#include <optional>

#include "store/store.h"

namespace tapedeck {

// Messages that the tape lost before they were loaded.
struct LostMessages {
    TapeGap gap;
    Timestamp recorded_at;
};

// In the order in which they were noticed; of one topic where it is named, and of those noticed in
// [from, to).
Result<> each_tape_gap(Store& store, const std::string& topic, Timestamp from, Timestamp to,
                       const std::function<Result<>(const LostMessages&)>& sink);

}  // namespace tapedeck
