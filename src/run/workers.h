#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "collect/collector.h"
#include "schedule/planner.h"

namespace tapedeck {

// Has a feed collected that names a function for it (Feed::function), on the thread of its try.
using CollectElsewhere =
    std::function<Result<RunOutcomes>(const Feed&, const CollectJob&, std::stop_token)>;

// The tries under way, each on a thread of its own with an HTTP client of its own, which is kept
// for those to come. A try that does not end by itself is stopped here, whatever its task does. All
// functions but the threads' are the schedule thread's.
class Workers {
public:
    struct Parts {
        Clock& clock;
        Tape& tape;
        Captures* captures;
        SourceStates& states;
        const SecretLookup& secrets;
        Log& log;
        std::function<Result<std::unique_ptr<HttpClient>>()> make_client;
        std::string name;             // host and process, for people
        std::function<void()> ended;  // on a worker's thread: there is something to take
        CollectElsewhere elsewhere = {};
    };
    struct Ended {
        StartTask task;
        std::string feed;
        Result<RunOutcomes> account;
    };

    explicit Workers(Parts parts) : parts_(std::move(parts)) {}

    // `feed` must outlive the try.
    void start(const StartTask& task, const Feed& feed, CollectJob job);
    // The tries that have ended since the last call.
    std::vector<Ended> take_ended();
    // Stops the tries whose time is over: they end soon, and are taken like any other. When the
    // next one's is; the end of time where none has a limit.
    Timestamp stop_overdue(Timestamp now);
    // Gives those under way Collector::kLastSeconds, and waits for their ends.
    void finish();

private:
    struct Worker {
        StartTask task;
        Timestamp ends_by;
        std::jthread thread;
    };
    struct Bench {  // what one collecting thread works with
        std::unique_ptr<HttpClient> client;
        std::unique_ptr<Collector> collector;
    };
    void work(const StartTask& task, const Feed& feed, const CollectJob& job, std::stop_token stop);
    Bench take_bench();
    void return_bench(Bench bench);

    Parts parts_;
    Mutex mutex_;
    std::vector<Ended> ended_ TAPEDECK_GUARDED_BY(mutex_);
    std::vector<Bench> benches_ TAPEDECK_GUARDED_BY(mutex_);
    std::list<Worker> workers_;  // the schedule thread's; last: they end before the rest
};

}  // namespace tapedeck
