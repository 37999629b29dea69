#include "run/loading_side.h"

#include "base/mutex.h"
#include "run/ask_patiently.h"

namespace tapedeck {
namespace {

constexpr std::chrono::seconds kBetweenLooksAtOthers{5};

}  // namespace

void LoadingSide::start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { load(stop); });
}

void LoadingSide::finish() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

Result<> LoadingSide::failed() {
    const Lock lock(mutex_);
    if (error_) return *error_;
    return {};
}

void LoadingSide::load(const std::stop_token& stop) {
    Loader loader(parts_.tape, parts_.store, parts_.clock, parts_.log, options_,
                  [this](const Batch&, const Committed&) { parts_.committed(); });
    auto done = ask_patiently(parts_.clock, parts_.log, stop, [&]() -> Result<> {
        auto ready = parts_.before ? parts_.before(stop) : Result<>();
        return ready ? load_or_leave(loader, stop) : ready;
    });
    if (done) return;
    {
        const Lock lock(mutex_);
        error_ = done.error();
    }
    parts_.failed();
}

Result<> LoadingSide::load_or_leave(Loader& loader, const std::stop_token& stop) {
    if (!others_load_) {
        auto loaded = loader.run(stop, false);
        return loaded ? Result<>() : Result<>(loaded.error());
    }
    while (!stop.stop_requested()) {
        parts_.committed();
        parts_.clock.sleep_until(parts_.clock.now() + kBetweenLooksAtOthers, stop);
    }
    return {};
}

}  // namespace tapedeck
