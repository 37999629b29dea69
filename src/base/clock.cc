#include "base/clock.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <functional>

#include "base/mutex.h"

namespace tapedeck {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    bool is_open() const { return fd_ >= 0; }
    int get() const { return fd_; }

private:
    int fd_;
};

// Waits until the timer fires or is cancelled, or a stop is requested. False, at once, where no
// descriptor is free for that.
bool wait_for(const Descriptor& timer, const std::stop_token& stop) {
    const Descriptor stopped(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!timer.is_open() || !stopped.is_open()) return false;
    const std::stop_callback wake(stop, [&stopped] {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(stopped.get(), &one, sizeof one);
    });
    pollfd fds[] = {{timer.get(), POLLIN, 0}, {stopped.get(), POLLIN, 0}};
    while (::poll(fds, 2, -1) < 0 && errno == EINTR) {
    }
    return true;
}

// The same without a descriptor, for a process that has as many open as it may: wakes once a
// second, as nobody tells it that the machine's clock was set. `left` is in real time.
void wait_in_steps(const std::function<microseconds()>& left, const std::stop_token& stop) {
    Mutex mutex;  // of nothing but the wait
    Changed never;
    Lock lock(mutex);
    for (auto rest = left(); rest.count() > 0 && !stop.stop_requested(); rest = left()) {
        never.wait_for(lock, stop, std::min(rest, microseconds(std::chrono::seconds(1))),
                       [] { return false; });
    }
}

itimerspec once(microseconds at) {
    itimerspec spec{};
    spec.it_value.tv_sec = at.count() / 1'000'000;
    spec.it_value.tv_nsec = (at.count() % 1'000'000) * 1'000;
    if (spec.it_value.tv_sec == 0 && spec.it_value.tv_nsec == 0) spec.it_value.tv_nsec = 1;
    return spec;
}

}  // namespace

Timestamp SystemClock::now() const {
    return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}

microseconds SystemClock::steady() const {
    return duration_cast<microseconds>(std::chrono::steady_clock::now().time_since_epoch());
}

void SystemClock::sleep_until(Timestamp instant, std::stop_token stop) {
    if (instant <= now() || stop.stop_requested()) return;
    const Descriptor timer(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC));
    const itimerspec spec = once(instant.time_since_epoch());
    ::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, nullptr);
    if (!wait_for(timer, stop)) wait_in_steps([&] { return instant - now(); }, stop);
}

ScaledClock::ScaledClock(Timestamp start, double speed)
    : start_(start), speed_(speed), origin_(std::chrono::steady_clock::now()) {
    TAPEDECK_ASSERT(speed > 0);
}

Timestamp ScaledClock::now() const { return start_ + steady(); }

microseconds ScaledClock::steady() const {
    const std::chrono::duration<double, std::micro> passed =
        std::chrono::steady_clock::now() - origin_;
    return microseconds(std::llround(passed.count() * speed_));
}

void ScaledClock::sleep_until(Timestamp instant, std::stop_token stop) {
    const microseconds left = instant - now();
    if (left.count() <= 0 || stop.stop_requested()) return;
    const Descriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    const auto real = [&] {
        const auto rest = static_cast<double>((instant - now()).count());
        return microseconds(static_cast<std::int64_t>(std::ceil(rest / speed_)));
    };
    const itimerspec spec = once(std::max(real(), microseconds(1)));
    ::timerfd_settime(timer.get(), 0, &spec, nullptr);
    if (!wait_for(timer, stop)) wait_in_steps(real, stop);
}

Timestamp ManualClock::now() const {
    const Lock lock(mutex_);
    return now_;
}

microseconds ManualClock::steady() const {
    const Lock lock(mutex_);
    return steady_;
}

void ManualClock::sleep_until(Timestamp instant, std::stop_token stop) {
    Lock lock(mutex_);
    const unsigned steps = steps_;
    changed_.wait(lock, stop,
                  [&]() TAPEDECK_REQUIRES(mutex_) { return now_ >= instant || steps_ != steps; });
}

void ManualClock::advance(microseconds by) {
    const Lock lock(mutex_);
    now_ += by;
    steady_ += by;
    changed_.notify_all();
}

void ManualClock::step(microseconds by) {
    const Lock lock(mutex_);
    now_ += by;
    ++steps_;
    changed_.notify_all();
}

}  // namespace tapedeck
