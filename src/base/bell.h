#pragma once

#include <mutex>
#include <stop_token>

namespace tapedeck {

// Wakes one thread that sleeps by a Clock. What is rung between `listen` and the sleep is heard.
class Bell {
public:
    // For the thread that will sleep, before it looks at what there is to do.
    std::stop_token listen() {
        const std::lock_guard lock(mutex_);
        rung_ = std::stop_source();
        return rung_.get_token();
    }
    // Any thread.
    void ring() {
        const std::lock_guard lock(mutex_);
        rung_.request_stop();
    }

private:
    std::mutex mutex_;
    std::stop_source rung_;  // guarded by mutex_
};

}  // namespace tapedeck
