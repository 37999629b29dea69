#include "tape/kafka/kafka_producer.h"

#include <fmt/format.h>

#include <array>

#include "base/mutex.h"
#include "tape/kafka/kafka_admin.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

std::string_view name_of_compression(KafkaCompression compression) {
    switch (compression) {
        case KafkaCompression::none:
            return "none";
        case KafkaCompression::gzip:
            return "gzip";
        case KafkaCompression::lz4:
            return "lz4";
        case KafkaCompression::zstd:
            return "zstd";
    }
    return "";
}

KafkaProperties producer_properties(const KafkaOptions& options) {
    return {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"partitioner", "murmur2_random"},
        {"compression.codec", std::string(name_of_compression(options.compression))},
        {"message.timeout.ms", std::to_string(options.message_timeout.count())},
        {"message.max.bytes", std::to_string(options.max_message_bytes)},
        {"linger.ms", "1"},
        // A broker refuses a whole batch for one message too large for the topic. With batches
        // this small such a message travels alone.
        {"batch.size", "131072"},
        {"queue.buffering.max.messages", "100000"},
        {"queue.buffering.max.kbytes", "32768"},
        {"topic.metadata.propagation.max.ms", "5000"},
    };
}

rd_kafka_headers_t* headers_of(const OutgoingMessage& message) {
    if (message.headers.empty()) return nullptr;
    rd_kafka_headers_t* headers = rd_kafka_headers_new(message.headers.size());
    for (const MessageHeader& header : message.headers) {
        rd_kafka_header_add(headers, header.name.data(), static_cast<ssize_t>(header.name.size()),
                            header.value.data(), static_cast<ssize_t>(header.value.size()));
    }
    return headers;
}

std::string naming(const OutgoingMessage& message) {
    return fmt::format("appending to {}, key \"{}\", {} bytes", message.topic, message.key,
                       message.value.size());
}

}  // namespace

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::open(const KafkaOptions& options) {
    auto client = KafkaClient::open(options, RD_KAFKA_PRODUCER, producer_properties(options),
                                    RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    if (!client) return client.error();
    return std::unique_ptr<KafkaProducer>(
        new KafkaProducer(*std::move(client), options.max_message_bytes));
}

KafkaProducer::KafkaProducer(std::shared_ptr<KafkaClient> client, std::size_t max_message_bytes)
    : client_(std::move(client)),
      max_message_bytes_(max_message_bytes),
      queue_(rd_kafka_queue_get_main(client_->get())),
      reports_([this](std::stop_token stop) { take_reports(std::move(stop)); }) {}

KafkaProducer::~KafkaProducer() {
    reports_.request_stop();
    rd_kafka_queue_yield(queue_.get());
    reports_.join();
}

Result<> KafkaProducer::find(const std::string& topic) {
    const auto count = count_partitions(*client_, topic);
    if (!count) return count.error();
    return {};
}

void KafkaProducer::append(std::span<const OutgoingMessage> messages,
                           std::span<const std::size_t> which,
                           std::vector<Result<Position>>& results) {
    Delivery delivery{{}, {}, which.size(), messages, &results};
    std::vector<Ticket> tickets;
    tickets.reserve(which.size());  // librdkafka keeps pointers to them
    for (const std::size_t index : which) {
        tickets.push_back({&delivery, index});
        if (auto fault = send(messages[index], tickets.back())) {
            const Lock lock(delivery.mutex);
            results[index] = *std::move(fault);
            --delivery.waiting;
        }
    }
    Lock lock(delivery.mutex);
    delivery.changed.wait(
        lock, [&]() TAPEDECK_REQUIRES(delivery.mutex) { return delivery.waiting == 0; });
}

// The value is not copied: it stays the caller's until the report, and append waits for that.
// Waits for room where librdkafka's queue is full.
std::optional<Error> KafkaProducer::send(const OutgoingMessage& message, Ticket& ticket) {
    const auto time = std::chrono::floor<std::chrono::milliseconds>(message.timestamp);
    std::array<rd_kafka_vu_t, 8> fields{};
    fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    fields[0].u.cstr = message.topic.c_str();
    fields[1].vtype = RD_KAFKA_VTYPE_VALUE;
    // librdkafka does not write through this pointer; its interface predates const.
    fields[1].u.mem = {const_cast<char*>(message.value.data()), message.value.size()};
    fields[2].vtype = RD_KAFKA_VTYPE_KEY;
    fields[2].u.mem = {message.key.empty() ? nullptr : const_cast<char*>(message.key.data()),
                       message.key.size()};
    fields[3].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
    fields[3].u.i64 = time.time_since_epoch().count();
    fields[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[4].u.i = RD_KAFKA_MSG_F_BLOCK;
    fields[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
    fields[5].u.ptr = &ticket;
    // Without a key, partition 0 as on every tape, and not any at random.
    fields[6].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[6].u.i32 = message.key.empty() ? 0 : RD_KAFKA_PARTITION_UA;
    rd_kafka_headers_t* headers = headers_of(message);
    fields[7].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[7].u.headers = headers;
    const std::size_t count = headers == nullptr ? 7 : 8;
    const KafkaHandle<rd_kafka_error_t> fault(
        rd_kafka_produceva(client_->get(), fields.data(), count));
    if (fault == nullptr) return std::nullopt;
    if (headers != nullptr) rd_kafka_headers_destroy(headers);
    const auto code = rd_kafka_error_code(fault.get());
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        return Error{ErrorKind::rejected,
                     fmt::format("Kafka: {}: more than {}", naming(message), max_message_bytes_)};
    }
    return client_->error(code, naming(message));
}

void KafkaProducer::take_reports(std::stop_token stop) {
    constexpr int kForEver = -1;  // until rd_kafka_queue_yield
    constexpr std::size_t kAtOnce = 512;
    std::array<const rd_kafka_message_t*, kAtOnce> messages{};
    while (!stop.stop_requested()) {
        const KafkaHandle<rd_kafka_event_t> event(rd_kafka_queue_poll(queue_.get(), kForEver));
        if (event == nullptr) continue;
        if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_ERROR) {
            if (rd_kafka_event_error_is_fatal(event.get()) != 0) broken_.store(true);
            continue;
        }
        for (;;) {
            const std::size_t count =
                rd_kafka_event_message_array(event.get(), messages.data(), messages.size());
            if (count == 0) break;
            for (std::size_t i = 0; i < count; ++i) report(*messages[i]);
        }
    }
}

void KafkaProducer::report(const rd_kafka_message_t& message) {
    const auto& ticket = *static_cast<const Ticket*>(message._private);
    Delivery& delivery = *ticket.delivery;
    const OutgoingMessage& sent = delivery.messages[ticket.index];
    Result<Position> result = [&]() -> Result<Position> {
        if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (rd_kafka_fatal_error(client_->get(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) {
                broken_.store(true);
            }
            return client_->error(message.err, naming(sent));
        }
        if (message.offset < 0) {
            return Error{
                ErrorKind::unavailable,
                fmt::format("Kafka: {}: kept, but the broker did not say where", naming(sent))};
        }
        return Position{{sent.topic, Partition(message.partition)}, Offset(message.offset)};
    }();
    const Lock lock(delivery.mutex);
    (*delivery.results)[ticket.index] = std::move(result);
    // Under the lock: append may return, and end `delivery`, as soon as it is free.
    if (--delivery.waiting == 0) delivery.changed.notify_all();
}

}  // namespace tapedeck
