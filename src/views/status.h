#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "captures/captures.h"
#include "views/coverage_view.h"
#include "views/last_prices.h"
#include "views/loaded_rows.h"
#include "views/pipe.h"
#include "views/source_health.h"
#include "views/spark_cluster.h"

namespace tapedeck {

struct FeedStatus {
    std::string name;
    CoverageTotals totals;
    std::vector<LastPrice> prices;
    std::optional<Timestamp> next_slot;
    std::string table;
    std::string topic;
    LoadedRows loaded;
};

struct OpenProblem {
    std::string key;
    std::string what;
    Timestamp since;
};

// How a deployment is doing, at a glance.
struct Status {
    Timestamp now;
    bool simulated = false;
    std::string store;
    std::string config;
    std::string deployment;  // its id
    bool running = false;
    std::vector<FeedStatus> feeds;
    std::vector<SourceHealth> sources;
    PipeStatus pipe;
    std::optional<SparkCluster> spark;  // none: no cluster is asked
    std::vector<OpenProblem> problems;
    std::int64_t dead_letters = 0;  // that nobody has settled
    std::int64_t letters_retried = 0;
    std::int64_t letters_dropped = 0;
    std::int64_t duplicates = 0;
    std::int64_t gaps = 0;  // messages
    std::optional<CaptureSizes> captures;
    std::string captures_fault;               // why what is kept cannot be read
    std::vector<std::string> captures_aside;  // files that were damaged
    std::int64_t store_bytes = 0;
    std::int64_t free_bytes = 0;
    std::optional<std::string> without_room;  // a file that a recorder must write, on a full disk
};

struct StatusParts {
    Store& store;
    CoverageView coverage;
    const std::map<std::string, Feed>& feeds;       // all that were ever recorded
    const std::map<std::string, Feed>& configured;  // those in force
    std::span<const Expectation> expectations;
    Timestamp now;
    // Under which name a source is asked besides; empty: under none.
    std::function<std::string(const std::string& source)> alias;
};

// What the store knows of it; the pipe, a cluster, captures, files and disks are the caller's to
// add.
Result<Status> read_status(const StatusParts& parts);

// Whether anything of it needs a person.
bool is_wrong(const Status& status);
// One sentence: whether prices come.
std::string is_recording(const Status& status);
std::string json_of(const Status& status);

// "12s ago", or "-".
std::string ago(const std::optional<Timestamp>& time, Timestamp now);

}  // namespace tapedeck
