// Kafka as a tape, against a real broker started here:
//
//     kafka_bench [MESSAGES]    1,000,000 unless named
//
// - How long is it from append() called to the message in a reader's chunk, on a quiet tape?
// - How many keyed messages of 200 bytes does a reader take in a second, for how much CPU, against
//   the limit: librdkafka's own consumer that only lets them go, with its default queues?
// - What does a producer cost? What does a reader cost that has nothing to read?
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tape/kafka/kafka_tape.h"
#include "tests/servers/server.h"

namespace tapedeck {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kPartitions = 3;

template <class T>
T must(Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "%s\n", result.error().what.c_str());
        std::exit(1);
    }
    return *std::move(result);
}

double seconds(Clock::duration span) { return std::chrono::duration<double>(span).count(); }

struct Usage {
    double cpu = 0;     // seconds, all threads
    long switches = 0;  // of threads, by waiting
    static Usage now() {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        const auto of = [](const timeval& time) {
            return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
        };
        return {of(usage.ru_utime) + of(usage.ru_stime), usage.ru_nvcsw};
    }
};

double thread_cpu() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

OutgoingMessage observation(const std::string& topic, int i) {
    const Timestamp at{std::chrono::seconds(1'764'000'000 + i)};
    const std::string coin = "coin" + std::to_string(i % 100);
    return {topic,
            coin,
            fmt::format(R"({{"coin_name":"{}","current_price":22470.{},"currency":"USD",)"
                        R"("slot":"{}","observed_at":"{}","source":"alpha","rule":"json",)"
                        R"("revision":0}})",
                        coin, i % 10'000, format_rfc3339(at), format_rfc3339(at)),
            at,
            {}};
}

void fill(KafkaTape& tape, const std::string& topic, int messages) {
    constexpr int kAtOnce = 50'000;
    std::vector<OutgoingMessage> batch;
    double cpu = 0;
    Clock::duration wall{};
    for (int sent = 0; sent < messages; sent += kAtOnce) {
        batch.clear();
        for (int i = sent; i < std::min(messages, sent + kAtOnce); ++i) {
            batch.push_back(observation(topic, i));
        }
        const auto usage = Usage::now();
        const auto began = Clock::now();
        for (const auto& each : must(tape.append(batch))) must(each);
        wall += Clock::now() - began;
        cpu += Usage::now().cpu - usage.cpu;
    }
    std::printf("append:  %9.0f messages/s, %.2f CPU s per million\n", messages / seconds(wall),
                cpu * 1e6 / messages);
}

std::unique_ptr<TapeReader> reader_of(KafkaTape& tape, const std::string& topic,
                                      const std::string& group) {
    auto reader = must(tape.open_reader({topic}, group));
    for (int started = 0; started < kPartitions;) {
        const auto polled = must(reader->poll(std::nullopt, 1 << 20, {}));
        const auto* news = std::get_if<Assigned>(&polled);
        if (news == nullptr) continue;
        for (const TopicPartition& at : news->partitions) {
            must(reader->start(at, must(tape.extent(at)).earliest));
            ++started;
        }
    }
    return reader;
}

void drain(KafkaTape& tape, const std::string& topic, int messages) {
    const auto reader = reader_of(tape, topic, topic + "-drain");
    std::size_t seen = 0;
    std::size_t bytes = 0;
    const auto usage = Usage::now();
    const double own = thread_cpu();
    const auto began = Clock::now();
    while (seen < static_cast<std::size_t>(messages)) {
        const auto polled = must(reader->poll(std::nullopt, 2 << 20, {}));
        const auto* chunk = std::get_if<Chunk>(&polled);
        if (chunk == nullptr) continue;
        seen += chunk->messages.size();
        for (const TapeMessage& each : chunk->messages) bytes += each.value.size();
    }
    const double wall = seconds(Clock::now() - began);
    std::printf(
        "reader:  %9.0f messages/s, %.2f CPU s per million, of which %.2f on the caller's "
        "thread; %zu bytes each\n",
        messages / wall, (Usage::now().cpu - usage.cpu) * 1e6 / messages,
        (thread_cpu() - own) * 1e6 / messages, bytes / seen);
}

// librdkafka alone, from each partition's beginning.
void drain_plainly(const std::string& brokers, const std::string& topic, int messages) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), nullptr, 0);
    rd_kafka_conf_set(conf, "group.id", "plain", nullptr, 0);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", nullptr, 0);
    rd_kafka_t* client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
    rd_kafka_poll_set_consumer(client);
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(kPartitions);
    for (int i = 0; i < kPartitions; ++i) {
        rd_kafka_topic_partition_list_add(list, topic.c_str(), i)->offset = 0;
    }
    const auto usage = Usage::now();
    const auto began = Clock::now();
    rd_kafka_assign(client, list);
    rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(client);
    std::array<rd_kafka_message_t*, 512> taken{};
    for (int seen = 0; seen < messages;) {
        const auto count = rd_kafka_consume_batch_queue(queue, 1000, taken.data(), taken.size());
        for (std::size_t i = 0; i < static_cast<std::size_t>(std::max<ssize_t>(count, 0)); ++i) {
            seen += taken[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
            rd_kafka_message_destroy(taken[i]);
        }
    }
    std::printf("limit:   %9.0f messages/s, %.2f CPU s per million (librdkafka's own consumer)\n",
                messages / seconds(Clock::now() - began),
                (Usage::now().cpu - usage.cpu) * 1e6 / messages);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
}

void latency(KafkaTape& tape, const std::string& topic) {
    constexpr std::size_t kTimes = 200;
    must(tape.ensure_topic(topic, kPartitions));
    const auto reader = reader_of(tape, topic, topic + "-group");
    std::vector<double> durable;
    std::vector<double> read;
    for (std::size_t i = 0; i <= kTimes; ++i) {
        Clock::time_point acknowledged;
        const auto began = Clock::now();
        std::jthread sender([&] {
            must(must(tape.append(std::vector{observation(topic, static_cast<int>(i))})).front());
            acknowledged = Clock::now();
        });
        for (bool is_here = false; !is_here;) {
            const auto polled = must(reader->poll(std::nullopt, 1 << 20, {}));
            const auto* chunk = std::get_if<Chunk>(&polled);
            is_here = chunk != nullptr && !chunk->messages.empty();
        }
        const auto here = Clock::now();
        sender.join();
        if (i == 0) continue;  // it makes the producer
        durable.push_back(seconds(acknowledged - began) * 1e3);
        read.push_back(seconds(here - began) * 1e3);
    }
    std::ranges::sort(durable);
    std::ranges::sort(read);
    std::printf(
        "latency: append acknowledged after %.2f ms (median; 99th %.2f), in the reader's "
        "chunk after %.2f ms (99th %.2f)\n",
        durable[kTimes / 2], durable[kTimes * 99 / 100], read[kTimes / 2], read[kTimes * 99 / 100]);
}

void quiet(KafkaTape& tape, const std::string& topic) {
    const auto reader = reader_of(tape, topic, topic + "-quiet");
    constexpr std::chrono::seconds kSettling{3};
    constexpr std::chrono::seconds kWatched{20};
    for (const auto deadline = Clock::now() + kSettling; Clock::now() < deadline;) {
        must(reader->poll(std::chrono::milliseconds(100), 1 << 20, {}));
    }
    const auto before = Usage::now();
    must(reader->poll(kWatched, 1 << 20, {}));
    const auto after = Usage::now();
    std::printf(
        "quiet:   %.1f ms of CPU in 20 s (%.3f %% of a core), %ld switches a second, "
        "reader, control client and producer together\n",
        (after.cpu - before.cpu) * 1e3, (after.cpu - before.cpu) * 100 / 20,
        (after.switches - before.switches) / 20);
}

void measure(int messages) {
    Server broker("kafka.py");
    KafkaOptions options;
    options.brokers = broker.address();
    options.retention = std::chrono::milliseconds(-1);  // the messages are of 2025
    const auto tape = must(KafkaTape::open(options));
    const std::string topic = "bench";
    must(tape->ensure_topic(topic, kPartitions));
    fill(*tape, topic, messages);
    for (int run = 0; run < 3; ++run) {
        drain_plainly(broker.address(), topic, messages);
        drain(*tape, topic, messages);
    }
    latency(*tape, "latency");
    quiet(*tape, "latency");
}

}  // namespace
}  // namespace tapedeck

int main(int count, char** arguments) {
    tapedeck::measure(count > 1 ? std::atoi(arguments[1]) : 1'000'000);
    return 0;
}
