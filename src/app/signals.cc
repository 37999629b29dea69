#include "app/signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/assert.h"

namespace tapedeck {
namespace {

sigset_t watched() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    // One that is blocked is delivered to sigwait even where it is ignored.
    struct sigaction hang_up {};
    if (::sigaction(SIGHUP, nullptr, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN) {
        sigaddset(&set, SIGHUP);
    }
    sigaddset(&set, SIGUSR2);  // our own: the watch is over
    return set;
}

}  // namespace

StopOnSignal::StopOnSignal() {
    const sigset_t set = watched();
    TAPEDECK_ASSERT(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
    thread_ = std::thread([this, set] {
        for (;;) {
            int came = 0;
            if (::sigwait(&set, &came) != 0 || over_) return;
            if (came == SIGUSR2) continue;
            if (signal_ != 0) ::_exit(128 + came);
            signal_ = came;
            source_.request_stop();
        }
    });
}

StopOnSignal::~StopOnSignal() {
    over_ = true;
    ::pthread_kill(thread_.native_handle(), SIGUSR2);
    thread_.join();
}

Exit fail_unless_stopped(const Error& error, const StopOnSignal& signals) {
    const Exit exit = fail(error);
    return signals.token().stop_requested() && retryable(error.kind) ? Exit::fine : exit;
}

}  // namespace tapedeck
