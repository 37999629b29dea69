#pragma once

#include <optional>

#include "app/assembly.h"
#include "views/spark_cluster.h"

namespace tapedeck {

// What the pages of a Spark cluster say, asked for a few seconds at most; none where [spark] names
// no master. A page that does not answer is part of the answer.
std::optional<SparkCluster> spark_status(const Settings& settings, Clock& clock);

void show_spark(const SparkCluster& cluster, Timestamp now);

}  // namespace tapedeck
