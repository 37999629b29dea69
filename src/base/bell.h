#pragma once

#include <stop_token>

#include "base/mutex.h"

namespace tapedeck {

// Wakes one thread that sleeps by a Clock. What is rung between `listen` and the sleep is heard.
class Bell {
public:
    // For the thread that will sleep, before it looks at what there is to do.
    std::stop_token listen() {
        const Lock lock(mutex_);
        rung_ = std::stop_source();
        return rung_.get_token();
    }
    // Any thread.
    void ring() {
        const Lock lock(mutex_);
        rung_.request_stop();
    }

private:
    Mutex mutex_;
    std::stop_source rung_ TAPEDECK_GUARDED_BY(mutex_);
};

}  // namespace tapedeck
