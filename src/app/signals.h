#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

#include "app/output.h"

namespace tapedeck {

// Turns SIGINT, SIGTERM and SIGHUP (a terminal that was closed) into a stop request; the second one
// ends the process at once. A SIGHUP that was ignored at the start stays so, for nohup's sake. Made
// before any other thread, so that all of them leave these signals to its own.
class StopOnSignal {
public:
    StopOnSignal();
    ~StopOnSignal();
    StopOnSignal(const StopOnSignal&) = delete;
    StopOnSignal& operator=(const StopOnSignal&) = delete;

    std::stop_token token() const { return source_.get_token(); }
    void stop() { source_.request_stop(); }
    int signal() const { return signal_; }  // 0: none came

private:
    std::stop_source source_;
    std::atomic<int> signal_ = 0;
    std::atomic<bool> over_ = false;
    std::thread thread_;
};

// Prints the error and gives its exit code; none where somebody stopped what was only waiting, as
// nothing went wrong then.
Exit fail_unless_stopped(const Error& error, const StopOnSignal& signals);

}  // namespace tapedeck
