#pragma once

#include "base/clock.h"

namespace tapedeck {

// Whoever sleeps wakes at once, and it is then.
class SkippingClock : public ManualClock {
public:
    using ManualClock::ManualClock;
    void sleep_until(Timestamp instant, std::stop_token) override {
        if (instant > now()) advance(instant - now());
    }
};

}  // namespace tapedeck
