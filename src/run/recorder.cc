#include "run/recorder.h"

namespace tapedeck {

Recorder::Recorder(Parts parts, RecorderOrders orders)
    : parts_(std::move(parts)),
      states_(parts_.log),
      store_side_({parts_.clock, parts_.store, parts_.tape, parts_.log, parts_.journal, parts_.tell,
                   parts_.changed, parts_.housekeeping, parts_.waiting, [this] { bell_.ring(); }},
                  {orders.feeds, std::move(orders.expectations), orders.loading,
                   std::move(orders.problem_limits)}),
      workers_({parts_.clock, parts_.tape, parts_.captures, states_, parts_.secrets, parts_.log,
                parts_.make_client, parts_.name, [this] { bell_.ring(); }, parts_.elsewhere}),
      loading_({parts_.clock, parts_.store, parts_.tape, parts_.log, parts_.before_loading,
                [this] { store_side_.coverage_changed(); }, [this] { bell_.ring(); }},
               std::move(orders.loading), orders.others_load),
      schedule_({parts_.clock, parts_.journal, parts_.log, store_side_, workers_, bell_,
                 [this] { return failed(); }},
                {std::move(orders.dags), std::move(orders.feeds), std::move(orders.config),
                 std::move(orders.deployment)}) {}

Result<> Recorder::run(std::stop_token stop) {
    if (auto done = schedule_.begin(stop); !done || stop.stop_requested()) return done;
    const std::stop_callback wake_on_stop(stop, [this] { bell_.ring(); });
    store_side_.start();
    loading_.start();
    auto result = schedule_.keep(stop);
    workers_.finish();
    auto ended = schedule_.end();
    loading_.finish();
    auto finished = store_side_.finish();
    if (!result) return result;
    return ended ? finished : ended;
}

Result<> Recorder::failed() {
    if (auto loading = loading_.failed(); !loading) return loading;
    // A tape in a file of its own fails a run, and would fail the next ones.
    if (parts_.check_files) {
        if (auto same = parts_.check_files(); !same) return same;
    }
    return store_side_.failed();
}

}  // namespace tapedeck
