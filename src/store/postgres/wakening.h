#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <optional>
#include <stop_token>

#include "base/patience.h"

namespace tapedeck {

// Turns a stop request into something that poll(2) sees.
class Wakening {
public:
    explicit Wakening(std::stop_token stop)
        : stop_(std::move(stop)), wake_(stop_, Wake{event_.fd}) {}
    Wakening(const Wakening&) = delete;
    Wakening& operator=(const Wakening&) = delete;

    bool is_requested() const { return stop_.stop_requested(); }
    int event() const { return event_.fd; }

private:
    struct Event {
        Event() : fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
        ~Event() { ::close(fd); }
        Event(const Event&) = delete;
        Event& operator=(const Event&) = delete;
        const int fd;
    };
    struct Wake {
        int event;
        void operator()() const { ::eventfd_write(event, 1); }
    };
    // Closed after the callback is gone: its number may be another file's at once, and whoever asks
    // to stop right then would write into that.
    const Event event_;
    const std::stop_token stop_;
    const std::stop_callback<Wake> wake_;
};

// The end of one wait, or of several that are one to their caller: a limit, or kLastPatience after
// a stop, whichever comes first.
class WaitLimit {
public:
    using SteadyClock = std::chrono::steady_clock;

    // 0: without end. `wakening` outlives it; none where nobody stops.
    WaitLimit(std::chrono::milliseconds limit, const Wakening* wakening)
        : until_(limit.count() > 0 ? SteadyClock::now() + limit : SteadyClock::time_point::max()),
          wakening_(wakening) {}

    bool is_over() {
        notice_stop();
        return SteadyClock::now() >= end();
    }
    bool is_stopped() const { return stopped_.has_value(); }

    // One poll of the socket: true where something came of it. False where it took until `next`,
    // until the end, or was woken by the stop: to be asked again, unless it is over.
    bool poll(int socket, short events, SteadyClock::time_point next) {
        notice_stop();
        const auto until = std::min(end(), next);
        int step = -1;
        if (until != SteadyClock::time_point::max()) {
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(until - SteadyClock::now()).count();
            step = static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
        }
        const bool listens = wakening_ != nullptr && !stopped_;
        std::array<pollfd, 2> both{pollfd{socket, events, 0},
                                   pollfd{listens ? wakening_->event() : -1, POLLIN, 0}};
        const int ready = ::poll(both.data(), both.size(), step);
        return (ready < 0 && errno != EINTR) || (ready > 0 && both[0].revents != 0);
    }

private:
    void notice_stop() {
        if (!stopped_ && wakening_ != nullptr && wakening_->is_requested()) {
            stopped_ = SteadyClock::now();
        }
    }
    SteadyClock::time_point end() const {
        return stopped_ ? std::min(until_, *stopped_ + kLastPatience) : until_;
    }

    const SteadyClock::time_point until_;
    const Wakening* const wakening_;
    std::optional<SteadyClock::time_point> stopped_;
};

}  // namespace tapedeck
