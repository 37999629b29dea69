#include "run/workers.h"

#include <algorithm>

#include "base/mutex.h"
#include "events/recording.h"

namespace tapedeck {

void Workers::start(const StartTask& task, const Feed& feed, CollectJob job) {
    const Timestamp ends_by = job.deadline < Timestamp::max() - Collector::kAfterDeadline
                                  ? job.deadline + Collector::kAfterDeadline
                                  : Timestamp::max();
    Worker& worker = workers_.emplace_back(Worker{task, ends_by, {}});
    worker.thread = std::jthread([this, task, &feed, job = std::move(job)](std::stop_token stop) {
        work(task, feed, job, stop);
    });
}

void Workers::work(const StartTask& task, const Feed& feed, const CollectJob& job,
                   std::stop_token stop) {
    Ended ended{task, feed.name, Error{ErrorKind::unavailable, "no HTTP client"}};
    if (!feed.function.empty() && parts_.elsewhere) {
        ended.account = parts_.elsewhere(feed, job, stop);
    } else {
        Bench bench = take_bench();
        if (bench.collector) ended.account = bench.collector->collect(feed, job, stop);
        return_bench(std::move(bench));
    }
    {
        const Lock lock(mutex_);
        ended_.push_back(std::move(ended));
    }
    parts_.ended();
}

std::vector<Workers::Ended> Workers::take_ended() {
    std::vector<Ended> ended;
    {
        const Lock lock(mutex_);
        ended.swap(ended_);
    }
    for (const Ended& one : ended) {
        std::erase_if(workers_, [&](const Worker& worker) { return worker.task == one.task; });
    }
    return ended;
}

Timestamp Workers::stop_overdue(Timestamp now) {
    Timestamp next = Timestamp::max();
    for (Worker& worker : workers_) {
        if (worker.ends_by <= now) {
            worker.thread.request_stop();
        } else {
            next = std::min(next, worker.ends_by);
        }
    }
    return next;
}

void Workers::finish() {
    for (Worker& worker : workers_) worker.thread.request_stop();
    workers_.clear();  // joins them
}

Workers::Bench Workers::take_bench() {
    {
        const Lock lock(mutex_);
        if (!benches_.empty()) {
            Bench bench = std::move(benches_.back());
            benches_.pop_back();
            return bench;
        }
    }
    Bench bench;
    auto client = parts_.make_client();
    if (!client) {
        parts_.log.emit(StepFailed{"opening an HTTP client", client.error().what});
        return bench;
    }
    bench.client = *std::move(client);
    bench.collector = std::make_unique<Collector>(
        Collector::Parts{parts_.clock, parts_.tape, *bench.client, parts_.captures, parts_.states,
                         parts_.secrets, parts_.log, parts_.name});
    return bench;
}

void Workers::return_bench(Bench bench) {
    if (!bench.collector) return;
    bench.client->rest();
    const Lock lock(mutex_);
    benches_.push_back(std::move(bench));
}

}  // namespace tapedeck
