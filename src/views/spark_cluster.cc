#include "views/spark_cluster.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>

namespace tapedeck {
namespace {

using simdjson::dom::element;

std::string text_at(const element& value, std::string_view key) {
    std::string_view text;
    return value[key].get_string().get(text) == simdjson::SUCCESS ? std::string(text) : "";
}

std::int64_t number_at(const element& value, std::string_view key) {
    std::int64_t number = 0;
    return value[key].get_int64().get(number) == simdjson::SUCCESS ? number : 0;
}

std::vector<element> list_at(const element& value, std::string_view key) {
    simdjson::dom::array list;
    std::vector<element> out;
    if (value[key].get_array().get(list) != simdjson::SUCCESS) return out;
    for (const element one : list) out.push_back(one);
    return out;
}

// Spark's own way to write a time: 2026-11-24T00:05:00.123GMT.
std::optional<Timestamp> time_at(const element& value, std::string_view key) {
    std::string text = text_at(value, key);
    if (!text.ends_with("GMT")) return std::nullopt;
    text.replace(text.size() - 3, 3, "Z");
    const auto time = parse_rfc3339(text);
    return time ? std::optional(*time) : std::nullopt;
}

Error no_answer_of(std::string_view whose) {
    return {ErrorKind::malformed, fmt::format("what answers there is no {}'s page", whose)};
}

// "coins into coin_records<br/>id = …<br/>runId = …<br/>batch = 7": nothing where it is another's.
std::optional<SparkBatch> batch_of(const element& job) {
    constexpr std::string_view kMark = "batch = ";
    const std::string description = text_at(job, "description");
    const std::size_t mark = description.rfind(kMark);
    if (mark == std::string::npos) return std::nullopt;
    SparkBatch batch;
    const char* end = description.data() + description.size();
    const auto read = std::from_chars(description.data() + mark + kMark.size(), end, batch.number);
    if (read.ec != std::errc()) return std::nullopt;
    batch.name = description.substr(0, description.find_first_of("<\n"));
    batch.state = text_at(job, "status");
    batch.began = time_at(job, "submissionTime");
    batch.ended = time_at(job, "completionTime");
    return batch;
}

SparkWorker worker_of(const element& one) {
    return {fmt::format("{}:{}", text_at(one, "host"), number_at(one, "port")),
            text_at(one, "state"),
            number_at(one, "cores"),
            number_at(one, "coresused"),
            number_at(one, "memory"),
            number_at(one, "memoryused")};
}

SparkApplication application_of(const element& one) {
    SparkApplication application;
    application.id = text_at(one, "id");
    application.name = text_at(one, "name");
    application.state = text_at(one, "state");
    application.cores = number_at(one, "cores");
    application.executor_memory_mib = number_at(one, "memoryperexecutor");
    if (const std::int64_t began = number_at(one, "starttime"); began > 0) {
        application.since = Timestamp(std::chrono::milliseconds(began));
    }
    return application;
}

void write_fault(JsonWriter& json, std::string_view key, const std::optional<std::string>& text) {
    json.key(key);
    if (text) {
        json.text(*text);
    } else {
        json.null();
    }
}

void write_application(JsonWriter& json, const SparkApplication& one) {
    json.begin_object().key("id").text(one.id).key("name").text(one.name);
    json.key("state").text(one.state).key("cores").number(one.cores);
    json.key("executor_memory_mib").number(one.executor_memory_mib);
    write_time(json, "since", one.since);
    json.key("last_batch");
    if (!one.last_batch) {
        json.null().end_object();
        return;
    }
    const SparkBatch& batch = *one.last_batch;
    json.begin_object().key("number").number(batch.number).key("state").text(batch.state);
    write_time(json, "began", batch.began);
    write_time(json, "ended", batch.ended);
    json.key("query").text(batch.name).end_object().end_object();
}

}  // namespace

int SparkCluster::workers_alive() const {
    return static_cast<int>(std::ranges::count(workers, "ALIVE", &SparkWorker::state));
}

Result<SparkCluster> read_spark_master(std::string_view json) {
    simdjson::dom::parser parser;
    element root;
    const simdjson::padded_string bytes(json);
    if (parser.parse(bytes).get(root) != simdjson::SUCCESS) return no_answer_of("master");
    SparkCluster cluster;
    cluster.url = text_at(root, "url");
    cluster.state = text_at(root, "status");
    if (!cluster.url.starts_with("spark://")) return no_answer_of("master");
    for (const element& one : list_at(root, "workers")) cluster.workers.push_back(worker_of(one));
    for (const element& one : list_at(root, "activeapps")) {
        cluster.applications.push_back(application_of(one));
    }
    std::ranges::sort(cluster.workers, {}, &SparkWorker::address);
    return cluster;
}

Result<std::optional<SparkBatch>> read_spark_jobs(std::string_view json) {
    simdjson::dom::parser parser;
    simdjson::dom::array jobs;
    const simdjson::padded_string bytes(json);
    if (parser.parse(bytes).get_array().get(jobs) != simdjson::SUCCESS) {
        return no_answer_of("driver");
    }
    std::optional<SparkBatch> last;
    std::int64_t newest = -1;
    for (const element& job : jobs) {
        const std::int64_t id = number_at(job, "jobId");
        if (id <= newest) continue;
        auto batch = batch_of(job);
        if (!batch) continue;
        newest = id;
        last = std::move(batch);
    }
    return last;
}

void write_spark(JsonWriter& json, const SparkCluster& cluster) {
    json.key("spark").begin_object().key("page").text(cluster.page);
    write_fault(json, "away", cluster.away);
    json.key("master").text(cluster.url).key("state").text(cluster.state);
    json.key("workers").begin_array();
    for (const SparkWorker& one : cluster.workers) {
        json.begin_object().key("address").text(one.address).key("state").text(one.state);
        json.key("cores").number(one.cores).key("cores_used").number(one.cores_used);
        json.key("memory_mib").number(one.memory_mib);
        json.key("memory_used_mib").number(one.memory_used_mib).end_object();
    }
    json.end_array().key("applications").begin_array();
    for (const SparkApplication& one : cluster.applications) write_application(json, one);
    json.end_array();
    write_fault(json, "driver_away", cluster.driver_away);
    json.end_object();
}

}  // namespace tapedeck
