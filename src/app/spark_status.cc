#include "app/spark_status.h"

#include <fmt/format.h>

#include "app/curl_options.h"
#include "app/output.h"
#include "views/status.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 5s;  // with one page
constexpr std::int64_t kMostBytesOfPage = std::int64_t{32}
                                          << 20U;  // of a driver that keeps many jobs

Result<std::string> ask(HttpClient& client, const std::string& page, const std::string& path) {
    Request request;
    request.url = page + (page.ends_with('/') ? path.substr(1) : path);
    request.timeout = kPatience;
    request.connect_timeout = kPatience;
    request.max_bytes = kMostBytesOfPage;
    client.start(RequestId(0), request);
    const auto answers = client.wait(kPatience + 1s, {});
    if (answers.empty()) {
        client.cancel_all();
        return Error{ErrorKind::unavailable, fmt::format("{} does not answer", page)};
    }
    const Answer& answer = answers.front();
    if (answer.failure) return Error{ErrorKind::unavailable, answer.failure->what};
    if (answer.status == 200) return answer.body;
    return Error{ErrorKind::unavailable, fmt::format("{} answers with {}", page, answer.status)};
}

// The last micro-batch of the application whose driver has that page.
Result<> ask_driver(HttpClient& client, const std::string& page, SparkCluster& cluster) {
    for (SparkApplication& one : cluster.applications) {
        const auto jobs = ask(client, page, fmt::format("/api/v1/applications/{}/jobs", one.id));
        // It knows its own application alone, and answers with 404 for another.
        if (!jobs && cluster.applications.size() > 1) continue;
        if (!jobs) return jobs.error();
        auto last = read_spark_jobs(*jobs);
        if (!last) return last.error();
        one.last_batch = *std::move(last);
    }
    return {};
}

Result<SparkCluster> ask_cluster(const Settings& settings, Clock& clock) {
    const SparkSettings& told = settings.spark;
    const auto client = CurlClient::open(clock, curl_options(settings));
    if (!client) return client.error();
    const auto said = ask(**client, told.master, "/json/");
    if (!said) return said.error();
    auto cluster = read_spark_master(*said);
    if (!cluster || told.driver.empty()) return cluster;
    if (auto asked = ask_driver(**client, told.driver, *cluster); !asked) {
        cluster->driver_away = asked.error().what;
    }
    return cluster;
}

void show_batch(const SparkApplication& application, Timestamp now) {
    if (!application.last_batch) return;
    const SparkBatch& batch = *application.last_batch;
    std::string took;
    if (batch.began && batch.ended) {
        took = fmt::format(", took {} ms", std::chrono::duration_cast<std::chrono::milliseconds>(
                                               *batch.ended - *batch.began)
                                               .count());
    }
    print(fmt::format("last batch {} {}, began {}{}: {}\n", batch.number, batch.state,
                      ago(batch.began, now), took, batch.name));
}

}  // namespace

std::optional<SparkCluster> spark_status(const Settings& settings, Clock& clock) {
    if (settings.spark.master.empty()) return std::nullopt;
    auto asked = ask_cluster(settings, clock);
    SparkCluster cluster;
    if (asked) {
        cluster = *std::move(asked);
    } else {
        cluster.away = asked.error().what;
    }
    cluster.page = settings.spark.master;
    return cluster;
}

void show_spark(const SparkCluster& cluster, Timestamp now) {
    if (cluster.away) {
        print(fmt::format("spark {} IS AWAY: {}\n\n", cluster.page, *cluster.away));
        return;
    }
    print(fmt::format("spark {} {}, {} of {} workers alive\n", cluster.url, cluster.state,
                      cluster.workers_alive(), cluster.workers.size()));
    Table workers({{"worker"},
                   {"state"},
                   {"cores used", Align::right},
                   {"cores", Align::right},
                   {"MiB used", Align::right},
                   {"MiB", Align::right}});
    for (const SparkWorker& one : cluster.workers) {
        workers.add({one.address, one.state, std::to_string(one.cores_used),
                     std::to_string(one.cores), std::to_string(one.memory_used_mib),
                     std::to_string(one.memory_mib)});
    }
    if (!workers.empty()) workers.print();
    if (cluster.applications.empty()) print("no application\n");
    for (const SparkApplication& one : cluster.applications) {
        print(fmt::format("application {} ({}): {}, {} cores, {} MiB an executor, began {}\n",
                          one.id, one.name, one.state, one.cores, one.executor_memory_mib,
                          ago(one.since, now)));
        show_batch(one, now);
    }
    if (cluster.driver_away) print(fmt::format("its page IS AWAY: {}\n", *cluster.driver_away));
    print("\n");
}

}  // namespace tapedeck
