#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/secret.h"

namespace tapedeck {

enum class KafkaCompression { none, gzip, lz4, zstd };

// Encrypted connections; the broker's name is checked against its certificate. Empty: the
// system's authorities, and no certificate of our own.
struct KafkaTls {
    std::string authority_file;    // PEM, one or more certificates
    std::string certificate_file;  // PEM, where the broker asks clients for one
    std::string key_file;          // PEM
    Secret key_password;
};

enum class KafkaMechanism { plain, scram_sha_256, scram_sha_512 };

struct KafkaLogin {
    KafkaMechanism mechanism = KafkaMechanism::scram_sha_512;
    std::string user;
    Secret password;
};

// How to reach a Kafka cluster and how much to ask of it. The group and the numbers of partitions
// are arguments of Tape's functions.
struct KafkaOptions {
    std::string brokers;  // "host:port,host:port"; any of them leads to the rest
    std::string client_id = "tapedeck";
    std::optional<KafkaTls> tls;
    std::optional<KafkaLogin> login;

    // Of topics made by ensure_topic: copies kept (-1: the broker's default), and how long a
    // message is kept; -1 ms is for ever. Kafka counts from the message's own time, not from its
    // arrival: what a spool or a replay brings late is gone at once where this is too short.
    std::int16_t replication = -1;
    std::chrono::milliseconds retention = std::chrono::days(90);

    KafkaCompression compression = KafkaCompression::gzip;
    std::size_t max_message_bytes = 1'000'000;          // a larger message is refused, alone
    std::chrono::milliseconds message_timeout{30'000};  // retries of one message end here
    std::chrono::milliseconds request_timeout{10'000};  // of everything else

    // A reader that is not heard of for this long loses its partitions to the others.
    std::chrono::milliseconds session_timeout{10'000};
    // What a reader fetches ahead, over all its partitions; about 350 bytes of memory a message
    // come on top. One answer of the broker (128 KiB a partition, compressed) may exceed it.
    std::size_t prefetch_bytes = 4 * 1024 * 1024;
    std::size_t prefetch_messages = 10'240;
};

}  // namespace tapedeck
