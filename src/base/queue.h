#pragma once

#include <deque>
#include <optional>
#include <stop_token>

#include "base/assert.h"
#include "base/mutex.h"

namespace tapedeck {

// Values from many threads to one, at most `capacity` of them; a full queue makes `push` wait.
template <class T>
class Queue {
public:
    explicit Queue(std::size_t capacity) : capacity_(capacity) { TAPEDECK_ASSERT(capacity > 0); }

    // Waits for room; false when stopped or closed first, and then the value is dropped.
    bool push(T value, std::stop_token stop = {}) {
        Lock lock(mutex_);
        changed_.wait(lock, stop, [&]() TAPEDECK_REQUIRES(mutex_) {
            return closed_ || values_.size() < capacity_;
        });
        if (closed_ || values_.size() >= capacity_) return false;
        values_.push_back(std::move(value));
        changed_.notify_all();
        return true;
    }

    // Waits for a value; nothing when stopped, or closed and empty.
    std::optional<T> pop(std::stop_token stop = {}) {
        Lock lock(mutex_);
        changed_.wait(lock, stop,
                      [&]() TAPEDECK_REQUIRES(mutex_) { return closed_ || !values_.empty(); });
        if (values_.empty()) return std::nullopt;
        T value = std::move(values_.front());
        values_.pop_front();
        changed_.notify_all();
        return value;
    }

    // No more values come; those inside are still given out.
    void close() {
        const Lock lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }

private:
    const std::size_t capacity_;
    Mutex mutex_;
    Changed changed_;
    std::deque<T> values_ TAPEDECK_GUARDED_BY(mutex_);
    bool closed_ TAPEDECK_GUARDED_BY(mutex_) = false;
};

}  // namespace tapedeck
