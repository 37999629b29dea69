#include "app/kafka_settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/assert.h"
#include "config/secrets.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

KafkaCompression compression_of(TapeSettings::Compression compression) {
    switch (compression) {
        case TapeSettings::Compression::none:
            return KafkaCompression::none;
        case TapeSettings::Compression::gzip:
            return KafkaCompression::gzip;
        case TapeSettings::Compression::lz4:
            return KafkaCompression::lz4;
        case TapeSettings::Compression::zstd:
            return KafkaCompression::zstd;
    }
    TAPEDECK_ASSERT(false);
}

KafkaMechanism mechanism_of(TapeSettings::Mechanism mechanism) {
    switch (mechanism) {
        case TapeSettings::Mechanism::plain:
            return KafkaMechanism::plain;
        case TapeSettings::Mechanism::scram_sha_256:
            return KafkaMechanism::scram_sha_256;
        case TapeSettings::Mechanism::scram_sha_512:
            return KafkaMechanism::scram_sha_512;
    }
    TAPEDECK_ASSERT(false);
}

}  // namespace

bool is_kafka(const Settings& settings) {
    return std::holds_alternative<KafkaUrl>(settings.tape.url.target);
}

std::string process_name() {
    char host[256] = {};
    if (::gethostname(host, sizeof host - 1) != 0) return fmt::format("?:{}", ::getpid());
    return fmt::format("{}:{}", host, ::getpid());
}

Result<KafkaOptions> kafka_options(const Settings& settings) {
    const TapeSettings& tape = settings.tape;
    KafkaOptions options;
    options.brokers = to_string(std::get<KafkaUrl>(tape.url.target).brokers);
    options.client_id = "tapedeck " + process_name();
    if (tape.replication > 0) options.replication = static_cast<std::int16_t>(tape.replication);
    options.retention = tape.topic_retention.count() > 0 ? tape.topic_retention : -1ms;
    options.compression = compression_of(tape.compression);
    options.session_timeout = settings.load.session_timeout;
    if (tape.tls) {
        options.tls = KafkaTls{tape.ca_file, tape.certificate_file, tape.key_file, {}};
        if (!tape.key_secret.empty()) {
            auto password = find_secret(settings.secrets, tape.key_secret);
            if (!password) return password.error();
            options.tls->key_password = *std::move(password);
        }
    }
    if (!tape.user.empty()) {
        auto password = find_secret(settings.secrets, tape.secret);
        if (!password) return password.error();
        options.login = KafkaLogin{mechanism_of(tape.mechanism), tape.user, *std::move(password)};
    }
    return options;
}

}  // namespace tapedeck
