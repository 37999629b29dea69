#include "app/kafka_settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include "config/secrets.h"

namespace tapedeck {
using namespace std::chrono_literals;

bool is_kafka(const Settings& settings) {
    return std::holds_alternative<KafkaUrl>(settings.tape.url.target);
}

std::string process_name() {
    char host[256] = {};
    if (::gethostname(host, sizeof host - 1) != 0) return fmt::format("?:{}", ::getpid());
    return fmt::format("{}:{}", host, ::getpid());
}

Result<KafkaOptions> kafka_options(const Settings& settings) {
    const KafkaTapeSettings& kafka = settings.tape.kafka;
    KafkaOptions options;
    options.brokers = to_string(std::get<KafkaUrl>(settings.tape.url.target).brokers);
    options.client_id = "tapedeck " + process_name();
    if (kafka.replication > 0) options.replication = static_cast<std::int16_t>(kafka.replication);
    options.retention = kafka.topic_retention.count() > 0 ? kafka.topic_retention : -1ms;
    options.compression = kafka.compression;
    options.session_timeout = settings.load.session_timeout;
    if (kafka.tls) {
        options.tls = KafkaTls{kafka.ca_file, kafka.certificate_file, kafka.key_file, {}};
        if (!kafka.key_secret.empty()) {
            auto password = find_secret(settings.secrets, kafka.key_secret);
            if (!password) return password.error();
            options.tls->key_password = *std::move(password);
        }
    }
    if (!kafka.user.empty()) {
        auto password = find_secret(settings.secrets, kafka.secret);
        if (!password) return password.error();
        options.login = KafkaLogin{kafka.mechanism, kafka.user, *std::move(password)};
    }
    return options;
}

}  // namespace tapedeck
