#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "base/result.h"
#include "base/time.h"

namespace tapedeck {

struct SparkWorker {
    std::string address;  // host:port
    std::string state;    // ALIVE, DEAD, UNKNOWN, …
    std::int64_t cores = 0;
    std::int64_t cores_used = 0;
    std::int64_t memory_mib = 0;
    std::int64_t memory_used_mib = 0;
};

// The last micro-batch whose job began.
struct SparkBatch {
    std::int64_t number = 0;
    std::string state;  // RUNNING, SUCCEEDED, FAILED
    std::optional<Timestamp> began;
    std::optional<Timestamp> ended;
    std::string name;  // of the query: which topics go into which tables
};

struct SparkApplication {
    std::string id;
    std::string name;
    std::string state;  // WAITING, RUNNING, …
    std::int64_t cores = 0;
    std::int64_t executor_memory_mib = 0;
    std::optional<Timestamp> since;
    std::optional<SparkBatch> last_batch;
};

// A standalone cluster, as its master's page and the application's tell of it.
struct SparkCluster {
    std::string page;                 // that was asked
    std::optional<std::string> away;  // why the master does not answer
    std::string url;                  // spark://host:port
    std::string state;                // ALIVE, STANDBY, RECOVERING, …
    std::vector<SparkWorker> workers;
    std::vector<SparkApplication> applications;  // that run or wait
    std::optional<std::string> driver_away;      // why the application's page does not answer

    int workers_alive() const;
};

// What `GET /json/` of a master's page says. `malformed` where it is none.
Result<SparkCluster> read_spark_master(std::string_view json);

// The last micro-batch in the answer of `GET /api/v1/applications/ID/jobs` of a driver's page; none
// where no job is one's.
Result<std::optional<SparkBatch>> read_spark_jobs(std::string_view json);

// The key spark of the object under way.
void write_spark(JsonWriter& json, const SparkCluster& cluster);

}  // namespace tapedeck
