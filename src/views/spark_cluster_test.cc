#include "views/spark_cluster.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

// As a master of Spark 4.2 writes it, with less of each.
constexpr std::string_view kMaster = R"({
  "url" : "spark://127.0.0.1:7077",
  "workers" : [ {
    "id" : "worker-20261124000500-127.0.0.1-40002", "host" : "127.0.0.1", "port" : 40002,
    "webuiaddress" : "http://127.0.0.1:8082", "cores" : 1, "coresused" : 1, "coresfree" : 0,
    "memory" : 1024, "memoryused" : 1024, "memoryfree" : 0, "resources" : { },
    "state" : "ALIVE", "lastheartbeat" : 1764000305000
  }, {
    "id" : "worker-20261124000500-127.0.0.1-40001", "host" : "127.0.0.1", "port" : 40001,
    "cores" : 2, "coresused" : 0, "memory" : 2048, "memoryused" : 0, "state" : "DEAD"
  } ],
  "aliveworkers" : 1,
  "activeapps" : [ {
    "id" : "app-20261124000501-0000", "starttime" : 1764000301123, "name" : "tapedeck", "cores" : 1,
    "user" : "spark", "memoryperexecutor" : 1024, "state" : "RUNNING", "duration" : 4000
  } ],
  "completedapps" : [ { "id" : "app-1", "name" : "other", "state" : "FINISHED" } ],
  "activedrivers" : [ ],
  "status" : "ALIVE"
})";

TEST(SparkCluster, ReadsWhatAMasterTells) {
    const auto cluster = read_spark_master(kMaster);
    ASSERT_TRUE(cluster) << cluster.error().what;
    EXPECT_EQ(cluster->url, "spark://127.0.0.1:7077");
    EXPECT_EQ(cluster->state, "ALIVE");
    ASSERT_EQ(cluster->workers.size(), 2U);
    EXPECT_EQ(cluster->workers[0].address, "127.0.0.1:40001");
    EXPECT_EQ(cluster->workers[0].state, "DEAD");
    EXPECT_EQ(cluster->workers[1].cores_used, 1);
    EXPECT_EQ(cluster->workers[1].memory_used_mib, 1024);
    EXPECT_EQ(cluster->workers_alive(), 1);
    ASSERT_EQ(cluster->applications.size(), 1U) << "those that have ended are left out";
    EXPECT_EQ(cluster->applications[0].id, "app-20261124000501-0000");
    EXPECT_EQ(cluster->applications[0].executor_memory_mib, 1024);
    EXPECT_EQ(format_rfc3339(*cluster->applications[0].since), "2025-11-24T16:05:01.123Z");
}

TEST(SparkCluster, SaysThatAnotherProgramAnswers) {
    for (const std::string_view text :
         {"", "<html>", "[]", R"({"url": 3})", R"({"status": "up"})"}) {
        const auto read = read_spark_master(text);
        ASSERT_FALSE(read) << text;
        EXPECT_NE(read.error().what.find("no master's page"), std::string::npos);
    }
    EXPECT_FALSE(read_spark_jobs("{}"));
}

TEST(SparkCluster, FindsTheLastMicroBatchAmongTheJobs) {
    const auto last = read_spark_jobs(R"([
        {"jobId": 8, "description": "look for topics", "status": "RUNNING"},
        {"jobId": 7, "description": "coins into coin_records<br/>id = 1<br/>runId = 2<br/>batch = 41",
         "submissionTime": "2026-11-24T00:05:00.500GMT", "completionTime": "2026-11-24T00:05:02.000GMT",
         "status": "SUCCEEDED"},
        {"jobId": 6, "description": "coins into coin_records<br/>id = 1<br/>runId = 2<br/>batch = 40"}])");
    ASSERT_TRUE(last && *last);
    EXPECT_EQ((*last)->number, 41);
    EXPECT_EQ((*last)->name, "coins into coin_records");
    EXPECT_EQ((*last)->state, "SUCCEEDED");
    EXPECT_EQ(*(*last)->ended - *(*last)->began, std::chrono::milliseconds(1500));
    const auto none = read_spark_jobs(R"([{"jobId": 1, "description": "batch = x"}, {}])");
    ASSERT_TRUE(none);
    EXPECT_FALSE(*none);
}

TEST(SparkCluster, WritesWhatItKnowsAsJson) {
    auto cluster = read_spark_master(kMaster);
    ASSERT_TRUE(cluster);
    cluster->page = "http://127.0.0.1:8080";
    cluster->workers.pop_back();
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    write_spark(json, *cluster);
    json.end_object();
    EXPECT_EQ(
        out,
        R"({"spark":{"page":"http://127.0.0.1:8080","away":null,"master":"spark://127.0.0.1:7077",)"
        R"("state":"ALIVE","workers":[{"address":"127.0.0.1:40001","state":"DEAD","cores":2,)"
        R"("cores_used":0,"memory_mib":2048,"memory_used_mib":0}],"applications":[{"id":)"
        R"("app-20261124000501-0000","name":"tapedeck","state":"RUNNING","cores":1,)"
        R"("executor_memory_mib":1024,"since":"2025-11-24T16:05:01.123Z","last_batch":null}],)"
        R"("driver_away":null}})");
}

}  // namespace
}  // namespace tapedeck
