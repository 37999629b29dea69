#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

#include "base/thread_attributes.h"

namespace tapedeck {

// A mutex that clang knows: `-Wthread-safety` refuses to read or write a member declared
// TAPEDECK_GUARDED_BY(mutex_) where the mutex is not held. libstdc++'s own says nothing to it. The
// test house.guarded_members_are_read_under_their_mutex looks; what is compiled is std::mutex.
class TAPEDECK_CAPABILITY("mutex") Mutex {
public:
    Mutex() = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;

    void lock() TAPEDECK_ACQUIRE() { mutex_.lock(); }
    void unlock() TAPEDECK_RELEASE() { mutex_.unlock(); }
    bool try_lock() TAPEDECK_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

private:
    std::mutex mutex_;
};

// Holds a mutex from here to the end of the block. It may be given up in between, and a Changed
// gives it up while it waits.
class TAPEDECK_SCOPED_CAPABILITY Lock {
public:
    explicit Lock(Mutex& mutex) TAPEDECK_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
    // Of a mutex that the caller holds already, by try_lock.
    Lock(Mutex& mutex, std::adopt_lock_t) TAPEDECK_REQUIRES(mutex) : mutex_(mutex) {}
    ~Lock() TAPEDECK_RELEASE() {
        if (held_) mutex_.unlock();
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

    void lock() TAPEDECK_ACQUIRE() {
        mutex_.lock();
        held_ = true;
    }
    void unlock() TAPEDECK_RELEASE() {
        held_ = false;
        mutex_.unlock();
    }

private:
    Mutex& mutex_;
    bool held_ = true;
};

// A condition variable. The conditions given to it are asked while the lock is held: where one
// reads what the mutex guards it is written `[&]() TAPEDECK_REQUIRES(mutex_) { ... }`. The
// functions are those of std::condition_variable_any, and none is looked into by clang, which would
// see the lock given up and taken again as neither.
class Changed {
public:
    void notify_one() { changed_.notify_one(); }
    void notify_all() { changed_.notify_all(); }

    template <class Condition>
    void wait(Lock& lock, Condition condition) TAPEDECK_UNCHECKED {
        changed_.wait(lock, std::move(condition));
    }
    template <class Condition>
    bool wait(Lock& lock, std::stop_token stop, Condition condition) TAPEDECK_UNCHECKED {
        return changed_.wait(lock, std::move(stop), std::move(condition));
    }
    template <class Duration, class Condition>
    bool wait_for(Lock& lock, const Duration& longest, Condition condition) TAPEDECK_UNCHECKED {
        return changed_.wait_for(lock, longest, std::move(condition));
    }
    template <class Duration, class Condition>
    bool wait_for(Lock& lock, std::stop_token stop, const Duration& longest,
                  Condition condition) TAPEDECK_UNCHECKED {
        return changed_.wait_for(lock, std::move(stop), longest, std::move(condition));
    }
    template <class Time, class Condition>
    bool wait_until(Lock& lock, std::stop_token stop, const Time& last,
                    Condition condition) TAPEDECK_UNCHECKED {
        return changed_.wait_until(lock, std::move(stop), last, std::move(condition));
    }

private:
    std::condition_variable_any changed_;
};

}  // namespace tapedeck
