#pragma once

#include <functional>
#include <string>

#include "store/store.h"

namespace tapedeck {

// An instrument that was asked for by hand for a slot that no schedule expected, and had no price.
struct HandTry {
    std::string feed;
    std::string instrument;
    Timestamp slot;
    std::string run_id;
    std::string reason;
    std::string what;
};

// The last try of each instrument of the slots in [from, to), by run. Of one feed or instrument
// where it is named.
Result<> each_failed_hand_try(Store& store, const std::string& feed, const std::string& instrument,
                              Timestamp from, Timestamp to,
                              const std::function<Result<>(const HandTry&)>& sink);

}  // namespace tapedeck
