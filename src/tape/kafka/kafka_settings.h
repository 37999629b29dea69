#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "config/fields.h"
#include "config/text_checks.h"
#include "tape/kafka/kafka_options.h"

namespace tapedeck {

inline constexpr auto kKafkaCompressions =
    std::to_array<Choice<KafkaCompression>>({{KafkaCompression::none, "none"},
                                             {KafkaCompression::gzip, "gzip"},
                                             {KafkaCompression::lz4, "lz4"},
                                             {KafkaCompression::zstd, "zstd"}});
inline std::span<const Choice<KafkaCompression>> choices(KafkaCompression) {
    return kKafkaCompressions;
}

inline constexpr auto kKafkaMechanisms =
    std::to_array<Choice<KafkaMechanism>>({{KafkaMechanism::plain, "plain"},
                                           {KafkaMechanism::scram_sha_256, "scram-sha-256"},
                                           {KafkaMechanism::scram_sha_512, "scram-sha-512"}});
inline std::span<const Choice<KafkaMechanism>> choices(KafkaMechanism) { return kKafkaMechanisms; }

// What [tape] says of Kafka; passwords are named, and read by whoever connects.
struct KafkaTapeSettings {
    std::int32_t replication = 0;  // 0: as the broker has it
    std::chrono::milliseconds topic_retention{std::chrono::hours(24 * 90)};  // 0: for ever
    KafkaCompression compression = KafkaCompression::gzip;  // which every client reads
    bool tls = false;
    std::string ca_file;           // PEM; empty: the machine's own
    std::string certificate_file;  // PEM, with key_file; empty: none is shown
    std::string key_file;
    std::string key_secret;  // name of the [secret] with the key's password; empty: none
    std::string user;        // empty: no login
    KafkaMechanism mechanism = KafkaMechanism::scram_sha_512;
    std::string secret;  // name of the [secret] with its password
    friend bool operator==(const KafkaTapeSettings&, const KafkaTapeSettings&) = default;
};

// A user without a password, a certificate without its key, files for no encryption.
std::vector<OptionFault> option_faults(const KafkaTapeSettings& settings);

namespace fields {

inline constexpr auto kKafka = std::tuple{
    field("replication", &KafkaTapeSettings::replication,
          "Copies of a topic that tapedeck makes in Kafka; 0 leaves it to the broker.")
        .between(0, 100),
    field("topic_retention", &KafkaTapeSettings::topic_retention,
          "How long Kafka keeps the messages of a topic that tapedeck makes; \"0\" is for ever.")
        .between(std::chrono::milliseconds(0), kYears),
    field(
        "compression", &KafkaTapeSettings::compression,
        "How messages travel to Kafka. gzip is read by every client; lz4 and zstd are cheaper, and "
        "some clients need a package more for them."),
    field("tls", &KafkaTapeSettings::tls,
          "Whether the way to the brokers is encrypted; their names are checked."),
    field("ca_file", &KafkaTapeSettings::ca_file,
          "PEM file of the authorities that vouch for brokers.")
        .if_unset("the machine's own"),
    field("certificate_file", &KafkaTapeSettings::certificate_file,
          "PEM file of the certificate that is shown to brokers.")
        .if_unset("none"),
    field("key_file", &KafkaTapeSettings::key_file, "PEM file of the certificate's key.")
        .if_unset("none"),
    field("key_secret", &KafkaTapeSettings::key_secret,
          "Name of the [secret] that holds the key's password.")
        .checked(must_be_name)
        .if_unset("the key has none"),
    field("user", &KafkaTapeSettings::user, "Who logs in to Kafka, by SASL.")
        .checked(must_be_one_line)
        .if_unset("nobody logs in"),
    field("mechanism", &KafkaTapeSettings::mechanism, "How the user proves the password."),
    field("secret", &KafkaTapeSettings::secret,
          "Name of the [secret] that holds the user's password.")
        .checked(must_be_name)
        .if_unset("none"),
};

}  // namespace fields
}  // namespace tapedeck
