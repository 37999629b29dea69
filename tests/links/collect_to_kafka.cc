// Collects the instruments of a source and publishes their prices to Kafka: what a collector
// without a store is made of. links_test.py reads what it needs.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "base/clock.h"
#include "captures/memory_captures.h"
#include "collect/collector.h"
#include "net/curl_client.h"
#include "tape/kafka/kafka_tape.h"

using namespace tapedeck;

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    SystemClock clock;
    Log log(STDERR_FILENO, LogFormat::text, Severity::info, clock);
    auto source = parse_source(argv[2], "source.toml");
    auto client = CurlClient::open(clock);
    KafkaOptions options;
    options.brokers = argv[1];
    auto tape = KafkaTape::open(std::move(options));
    if (!source || !client || !tape) return 2;
    MemoryCaptures captures(clock);
    SourceStates states(log);
    const SecretLookup secrets([](const std::string& name) -> Result<Secret> {
        return Error{ErrorKind::rejected, name + ": no secret has this name"};
    });
    Feed feed{"coin",
              {argv[3]},
              {std::make_shared<const Source>(*std::move(source))},
              "coin_topic",
              {"coin_records", RecordForm::coin},
              ""};
    CollectJob job;
    job.run_id = std::string(kOffSchedule) + "links";
    job.slot = clock.now();
    job.deadline = job.slot + std::chrono::seconds(60);
    job.instruments = feed.instruments;
    job.off_schedule = true;
    Collector collector({clock, **tape, **client, &captures, states, secrets, log, "links"});
    return collector.collect(feed, job, {}) ? 0 : 1;
}
