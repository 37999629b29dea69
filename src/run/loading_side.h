#pragma once

#include <functional>
#include <optional>
#include <thread>

#include "base/mutex.h"
#include "load/loader.h"

namespace tapedeck {

// The loading of a recorder: the loader's reading thread. Where others load, it has no more to do
// than to say every few seconds that they may have.
class LoadingSide {
public:
    struct Parts {
        Clock& clock;
        Store& store;
        Tape& tape;
        Log& log;
        // Done by the thread, before it loads.
        std::function<Result<>(std::stop_token)> before;
        std::function<void()> committed;  // on threads that commit, after each batch
        std::function<void()> failed;     // on the thread: `failed` has something to tell
    };

    LoadingSide(Parts parts, LoaderOptions options, bool others_load)
        : parts_(std::move(parts)), options_(std::move(options)), others_load_(others_load) {}

    void start();
    // Any thread: why it has ended, where waiting cannot mend it.
    Result<> failed();
    void finish();

private:
    void load(const std::stop_token& stop);
    Result<> load_or_leave(Loader& loader, const std::stop_token& stop);

    Parts parts_;
    const LoaderOptions options_;
    const bool others_load_;
    Mutex mutex_;
    std::optional<Error> error_ TAPEDECK_GUARDED_BY(mutex_);
    std::jthread thread_;  // last: it ends before the rest
};

}  // namespace tapedeck
