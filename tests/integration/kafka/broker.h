#pragma once

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "tape/kafka/kafka_tape.h"
#include "tests/servers/server.h"

namespace tapedeck {

// Kafka 4 takes a login by SCRAM from 2.6.1 on (docs/kafka.md).
inline bool library_is_repaired() {
    constexpr int kRepaired = 0x020601ff;
    return rd_kafka_version() >= kRepaired;
}

// Where the tests run with a newer librdkafka than Debian's, it is that one.
inline void expect_wanted_library() {
    if (std::getenv("TAPEDECK_NEWER_LIBRARY") == nullptr) return;
    EXPECT_TRUE(library_is_repaired()) << rd_kafka_version_str() << " is not the newer one";
}

// The broker of this test program. It is started when it is first asked for, and ends with the
// program; topics of different tests have different names.
inline Server& broker() {
    expect_wanted_library();
    static Server server("kafka.py");  // one for all tests: a start takes seconds
    return server;
}

inline KafkaOptions options_for(const std::string& brokers) {
    KafkaOptions options;
    options.brokers = brokers;
    options.retention = std::chrono::milliseconds(-1);  // tests send messages of 1970
    options.session_timeout = std::chrono::seconds(6);
    return options;
}

inline std::unique_ptr<KafkaTape> open_tape(const KafkaOptions& options) {
    auto tape = KafkaTape::open(options);
    EXPECT_TRUE(tape) << tape.error().what;
    return tape ? *std::move(tape) : nullptr;
}

// A topic that is new to the broker.
inline std::string new_topic(Tape& tape, const std::string& name, int partitions = 1) {
    const auto made = tape.ensure_topic(name, partitions);
    EXPECT_TRUE(made) << made.error().what;
    return name;
}

inline OutgoingMessage message(const std::string& topic, const std::string& key,
                               const std::string& value) {
    return {topic, key, value, Timestamp(std::chrono::milliseconds(1'764'000'300'000)), {}};
}

inline std::vector<OutgoingMessage> numbered(const std::string& topic, int from, int to) {
    std::vector<OutgoingMessage> out;
    for (int i = from; i < to; ++i) {
        out.push_back(message(topic, "key" + std::to_string(i % 50), std::to_string(i)));
    }
    return out;
}

// Every value that a topic holds, partition by partition, in order.
inline std::vector<std::string> values_of(Tape& tape, const std::string& topic) {
    std::vector<std::string> out;
    const auto partitions = tape.partitions(topic);
    EXPECT_TRUE(partitions) << partitions.error().what;
    if (!partitions) return out;
    for (const Partition partition : *partitions) {
        const TopicPartition at{topic, partition};
        const auto extent = tape.extent(at);
        EXPECT_TRUE(extent) << extent.error().what;
        if (!extent) return out;
        for (Offset from = extent->earliest; from < extent->end;) {
            const auto chunk = tape.read(at, from, 1 << 20);
            EXPECT_TRUE(chunk) << chunk.error().what;
            if (!chunk || chunk->next <= from) return out;
            for (const TapeMessage& each : chunk->messages) out.emplace_back(each.value);
            from = chunk->next;
        }
    }
    return out;
}

}  // namespace tapedeck
