#include "run/ask_patiently.h"

#include "events/recording.h"

namespace tapedeck {
namespace {

constexpr std::chrono::seconds kBetweenTries{1};

}  // namespace

Result<> ask_patiently(Clock& clock, Log& log, const std::stop_token& stop,
                       const std::function<Result<>()>& step) {
    for (bool told = false;; told = true) {
        auto done = step();
        if (done || !retryable(done.error().kind)) return done;
        if (stop.stop_requested()) return {};
        if (!told) log.emit(Waiting{"store", done.error().what});
        clock.sleep_until(clock.now() + kBetweenTries, stop);
    }
}

}  // namespace tapedeck
