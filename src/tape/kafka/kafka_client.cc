#include "tape/kafka/kafka_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <future>

#include "base/assert.h"
#include "base/mutex.h"
#include "base/system_fault.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

constexpr std::chrono::milliseconds kLeastSetupTimeout{1'000};  // librdkafka's own bound

std::string milliseconds_text(std::chrono::milliseconds duration) {
    return std::to_string(duration.count());
}

std::string_view name_of(KafkaMechanism mechanism) {
    switch (mechanism) {
        case KafkaMechanism::plain:
            return "PLAIN";
        case KafkaMechanism::scram_sha_256:
            return "SCRAM-SHA-256";
        case KafkaMechanism::scram_sha_512:
            return "SCRAM-SHA-512";
    }
    return "";
}

// librdkafka before 2.6.1 repeats its own nonce where RFC 5802 does not, and brokers since
// Kafka 4.0 take that for a wrong password: github.com/confluentinc/librdkafka/pull/4895.
std::string_view hint_for(const KafkaOptions& options) {
    constexpr int kRepaired = 0x020601ff;
    if (!options.login || options.login->mechanism == KafkaMechanism::plain ||
        rd_kafka_version() >= kRepaired) {
        return "";
    }
    return "; or the broker is Kafka 4, to which this librdkafka cannot log in by SCRAM: use plain "
           "over TLS, a certificate, or a newer library (tools/librdkafka.sh)";
}

std::string_view protocol_of(const KafkaOptions& options) {
    if (options.login) return options.tls ? "sasl_ssl" : "sasl_plaintext";
    return options.tls ? "ssl" : "plaintext";
}

void add_tls(KafkaProperties& out, const KafkaTls& tls) {
    if (!tls.authority_file.empty()) out.emplace_back("ssl.ca.location", tls.authority_file);
    if (!tls.certificate_file.empty()) {
        out.emplace_back("ssl.certificate.location", tls.certificate_file);
    }
    if (!tls.key_file.empty()) out.emplace_back("ssl.key.location", tls.key_file);
    if (!tls.key_password.empty()) {
        out.emplace_back("ssl.key.password", tls.key_password.reveal());
    }
    out.emplace_back("ssl.endpoint.identification.algorithm", "https");
}

}  // namespace

KafkaProperties common_properties(const KafkaOptions& options) {
    KafkaProperties out{
        {"bootstrap.servers", options.brokers},
        {"client.id", options.client_id},
        {"security.protocol", std::string(protocol_of(options))},
        {"allow.auto.create.topics", "false"},
        {"socket.timeout.ms", milliseconds_text(options.request_timeout)},
        {"socket.connection.setup.timeout.ms",
         milliseconds_text(std::max(options.request_timeout, kLeastSetupTimeout))},
        {"socket.nagle.disable", "true"},
        {"socket.keepalive.enable", "true"},
        {"reconnect.backoff.max.ms", "1000"},
        {"topic.metadata.refresh.interval.ms", "10000"},
        {"log.thread.name", "false"},
    };
    if (options.tls) add_tls(out, *options.tls);
    if (options.login) {
        out.emplace_back("sasl.mechanism", name_of(options.login->mechanism));
        out.emplace_back("sasl.username", options.login->user);
        out.emplace_back("sasl.password", options.login->password.reveal());
    }
    return out;
}

ErrorKind kind_of(rd_kafka_resp_err_t code) {
    switch (code) {
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
        case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
        case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
        case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
        case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
        case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
        case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
        case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
        case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
        case RD_KAFKA_RESP_ERR__INVALID_ARG:
        case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
            return ErrorKind::rejected;
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        case RD_KAFKA_RESP_ERR__BAD_MSG:
        case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
            return ErrorKind::corrupt;
        default:
            return ErrorKind::unavailable;
    }
}

Result<std::shared_ptr<KafkaClient>> KafkaClient::open(const KafkaOptions& options,
                                                       rd_kafka_type_t type,
                                                       const KafkaProperties& properties,
                                                       int events) {
    if (options.brokers.empty()) {
        return Error{ErrorKind::rejected, "Kafka: no brokers are named"};
    }
    std::array<char, 512> fault{};
    KafkaHandle<rd_kafka_conf_t> conf(rd_kafka_conf_new());
    KafkaProperties all = common_properties(options);
    all.insert(all.end(), properties.begin(), properties.end());
    // A consumer whose queue is full stops asking; since 2.2, for a second, if it is not told.
    constexpr int kPausesWhenFull = 0x020200ff;
    if (type == RD_KAFKA_CONSUMER && rd_kafka_version() >= kPausesWhenFull) {
        all.emplace_back("fetch.queue.backoff.ms", "10");
    }
    for (const auto& [name, value] : all) {
        if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), fault.data(),
                              fault.size()) != RD_KAFKA_CONF_OK) {
            return Error{ErrorKind::rejected, fmt::format("Kafka: {}", fault.data())};
        }
    }
    auto client = std::shared_ptr<KafkaClient>(new KafkaClient(options.request_timeout));
    client->hint_ = hint_for(options);
    rd_kafka_conf_set_opaque(conf.get(), client.get());
    rd_kafka_conf_set_log_cb(conf.get(), take_log);
    rd_kafka_conf_set_events(conf.get(), events);
    client->handle_ = rd_kafka_new(type, conf.get(), fault.data(), fault.size());
    if (const auto missing = missing_descriptors(); missing && client->handle_ == nullptr) {
        return Error{ErrorKind::unavailable, fmt::format("Kafka: {}: {}", fault.data(), *missing)};
    }
    if (client->handle_ == nullptr) {
        return Error{ErrorKind::rejected, fmt::format("Kafka: {}", fault.data())};
    }
    static_cast<void>(conf.release());  // it went over to the handle
    return client;
}

KafkaClient::~KafkaClient() {
    if (handle_ == nullptr) return;
    // A reader leaves its group itself; nothing is left to wait for. librdkafka 2.0 waits for ever
    // all the same where a topic that was read has been deleted: then it is left, and ends with the
    // program.
    constexpr std::chrono::seconds kLongest{10};
    auto ended = std::make_shared<std::promise<void>>();
    const auto when = ended->get_future();
    auto ending = std::make_unique<std::jthread>([handle = handle_, ended] {
        rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        ended->set_value();
    });
    if (when.wait_for(kLongest) != std::future_status::ready) {
        static_cast<void>(ending.release());
    }
}

// Called by librdkafka's threads, also before rd_kafka_new has returned.
void KafkaClient::take_log(const rd_kafka_t* handle, int level, const char*, const char* text) {
    constexpr int kError = 3;  // syslog(3): LOG_ERR
    if (level > kError || handle == nullptr) return;
    // What follows from the complaint before it, and says less.
    if (std::string_view(text).find("brokers are down") != std::string_view::npos) return;
    auto* client = static_cast<KafkaClient*>(rd_kafka_opaque(handle));
    const Lock lock(client->mutex_);
    client->complaint_ = text;
}

Error KafkaClient::error(rd_kafka_resp_err_t code, std::string_view doing) const {
    std::string what = fmt::format("Kafka: {}: {}", doing, rd_kafka_err2str(code));
    if (kind_of(code) == ErrorKind::unavailable) {
        const Lock lock(mutex_);
        const bool is_login = complaint_.find("uthentication") != std::string::npos;
        if (!complaint_.empty()) {
            what += fmt::format(" ({}{})", complaint_, is_login ? hint_ : "");
        }
        if (const auto missing = missing_descriptors()) what += ": " + *missing;
    }
    return {kind_of(code), std::move(what)};
}

Result<Extent> KafkaClient::extent(const TopicPartition& at) const {
    std::int64_t low = 0;
    std::int64_t high = 0;
    const auto ask = [&] {
        return rd_kafka_query_watermark_offsets(handle_, at.topic.c_str(), at.partition.value(),
                                                &low, &high, request_timeout_ms_);
    };
    // A new partition gets its leader a moment after it shows; an old one changes it.
    const auto is_settling = [](rd_kafka_resp_err_t code) {
        return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
               code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    };
    const auto code = ask_again(ask, is_settling);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Extent{Offset(low), Offset(high)};
    if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) return no_partition(at);
    return error(code, fmt::format("asking for the extent of {}", to_string(at)));
}

Result<std::optional<Offset>> KafkaClient::offset_at(const TopicPartition& at,
                                                     Timestamp time) const {
    // Kafka's times are milliseconds: what is not later than a part of one is the next one.
    const auto milliseconds =
        std::chrono::ceil<std::chrono::milliseconds>(time.time_since_epoch()).count();
    KafkaHandle<rd_kafka_topic_partition_list_t> asked;
    const auto ask = [&] {
        asked = partition_list({{at, Offset(std::max<std::int64_t>(0, milliseconds))}});
        const auto code = rd_kafka_offsets_for_times(handle_, asked.get(), request_timeout_ms_);
        return code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : asked->elems[0].err;
    };
    const auto is_settling = [](rd_kafka_resp_err_t code) {
        return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
               code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    };
    const auto code = ask_again(ask, is_settling);
    if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) return no_partition(at);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return error(code, fmt::format("asking for the offset of a time in {}", to_string(at)));
    }
    if (asked->elems[0].offset < 0) return std::optional<Offset>();
    return std::optional(Offset(asked->elems[0].offset));
}

KafkaHandle<rd_kafka_topic_partition_list_t> partition_list(
    const std::vector<std::pair<TopicPartition, Offset>>& items) {
    KafkaHandle<rd_kafka_topic_partition_list_t> list(
        rd_kafka_topic_partition_list_new(static_cast<int>(items.size())));
    for (const auto& [at, offset] : items) {
        rd_kafka_topic_partition_list_add(list.get(), at.topic.c_str(), at.partition.value())
            ->offset = offset.value();
    }
    return list;
}

TapeMessage shown(const rd_kafka_message_t& message) {
    const auto text = [](const void* bytes, std::size_t size) {
        return bytes == nullptr ? std::string_view()
                                : std::string_view(static_cast<const char*>(bytes), size);
    };
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    std::int64_t since_epoch = rd_kafka_message_timestamp(&message, &type);
    if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) since_epoch = -1;
    return {Offset(message.offset), message_time(since_epoch), text(message.key, message.key_len),
            text(message.payload, message.len)};
}

}  // namespace tapedeck
