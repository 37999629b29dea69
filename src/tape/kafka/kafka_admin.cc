#include "tape/kafka/kafka_admin.h"

#include <fmt/format.h>

#include <array>

#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

// A group's coordinator is about to be made, or to move.
bool has_no_coordinator(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

KafkaHandle<rd_kafka_AdminOptions_t> admin_options(const KafkaClient& client,
                                                   rd_kafka_admin_op_t operation) {
    std::array<char, 256> fault{};
    KafkaHandle<rd_kafka_AdminOptions_t> options(
        rd_kafka_AdminOptions_new(client.get(), operation));
    rd_kafka_AdminOptions_set_request_timeout(options.get(), client.request_timeout_ms(),
                                              fault.data(), fault.size());
    return options;
}

// Waits for the answer to an admin request; an error of the whole request is an error here.
Result<KafkaHandle<rd_kafka_event_t>> answer(const KafkaClient& client, rd_kafka_queue_t* queue,
                                             std::string_view doing) {
    // The request has a timeout of its own; librdkafka answers soon after it.
    KafkaHandle<rd_kafka_event_t> event(
        rd_kafka_queue_poll(queue, client.request_timeout_ms() * 2));
    if (event == nullptr) return client.error(RD_KAFKA_RESP_ERR__TIMED_OUT, doing);
    const auto code = rd_kafka_event_error(event.get());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        Error error = client.error(code, doing);
        if (const char* why = rd_kafka_event_error_string(event.get())) {
            error.what += fmt::format(": {}", why);
        }
        return error;
    }
    return event;
}

Settings topic_settings(const KafkaOptions& options) {
    return {{"message.timestamp.type", "CreateTime"},
            {"max.message.bytes", std::to_string(options.max_message_bytes + 4096)},
            {"retention.ms", std::to_string(options.retention.count())}};
}

// What the broker says of making the topic, `exists` included.
Result<rd_kafka_resp_err_t> try_create(const KafkaClient& client, const KafkaOptions& options,
                                       const std::string& topic, int partitions,
                                       const Settings& settings, std::string& why) {
    std::array<char, 256> fault{};
    const std::string doing = fmt::format("making topic {}", topic);
    const KafkaHandle<rd_kafka_NewTopic_t> wanted(rd_kafka_NewTopic_new(
        topic.c_str(), partitions, options.replication, fault.data(), fault.size()));
    if (wanted == nullptr) {
        return Error{ErrorKind::rejected, fmt::format("Kafka: {}: {}", doing, fault.data())};
    }
    for (const auto& [name, value] : settings) {
        rd_kafka_NewTopic_set_config(wanted.get(), name.c_str(), value.c_str());
    }
    const KafkaHandle<rd_kafka_queue_t> queue(rd_kafka_queue_new(client.get()));
    const auto options_handle = admin_options(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_NewTopic_t* topics = wanted.get();
    rd_kafka_CreateTopics(client.get(), &topics, 1, options_handle.get(), queue.get());
    const auto event = answer(client, queue.get(), doing);
    if (!event) return event.error();
    std::size_t count = 0;
    const auto* results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event->get()), &count);
    if (count != 1) return client.error(RD_KAFKA_RESP_ERR__FAIL, doing);
    const char* text = rd_kafka_topic_result_error_string(results[0]);
    why = text == nullptr ? "" : text;
    return rd_kafka_topic_result_error(results[0]);
}

}  // namespace

Result<std::optional<int>> count_partitions(const KafkaClient& client, const std::string& topic) {
    const KafkaHandle<rd_kafka_topic_t> handle(
        rd_kafka_topic_new(client.get(), topic.c_str(), nullptr));
    const std::string doing = fmt::format("asking for topic {}", topic);
    if (handle == nullptr) return client.error(rd_kafka_last_error(), doing);
    const rd_kafka_metadata_t* found = nullptr;
    const auto code =
        rd_kafka_metadata(client.get(), 0, handle.get(), &found, client.request_timeout_ms());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return client.error(code, doing);
    const KafkaHandle<const rd_kafka_metadata_t> metadata(found);
    if (metadata->topic_cnt != 1) return std::optional<int>();
    const auto topic_code = metadata->topics[0].err;
    if (topic_code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return std::optional<int>();
    if (topic_code != RD_KAFKA_RESP_ERR_NO_ERROR) return client.error(topic_code, doing);
    return std::optional<int>(metadata->topics[0].partition_cnt);
}

Result<> create_topic(const KafkaClient& client, const KafkaOptions& options,
                      const std::string& topic, int partitions) {
    Settings settings = topic_settings(options);
    // Without it Kafka refuses a message from a clock that is an hour ahead. Brokers before 3.6
    // neither know the setting nor refuse such messages.
    settings.emplace_back("message.timestamp.after.max.ms", "9223372036854775807");
    std::string why;
    auto code = try_create(client, options, topic, partitions, settings, why);
    if (code && *code == RD_KAFKA_RESP_ERR_INVALID_CONFIG) {
        settings.pop_back();
        code = try_create(client, options, topic, partitions, settings, why);
    }
    if (!code) return code.error();
    if (*code != RD_KAFKA_RESP_ERR_NO_ERROR && *code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        Error error = client.error(*code, fmt::format("making topic {}", topic));
        if (!why.empty()) error.what += fmt::format(": {}", why);
        return error;
    }
    return {};
}

Result<> delete_records(const KafkaClient& client, const TopicPartition& at, Offset before) {
    const std::string doing = fmt::format("discarding {} before {}", to_string(at), before.value());
    const auto list = partition_list({{at, before}});
    const KafkaHandle<rd_kafka_DeleteRecords_t> request(rd_kafka_DeleteRecords_new(list.get()));
    const KafkaHandle<rd_kafka_queue_t> queue(rd_kafka_queue_new(client.get()));
    const auto options = admin_options(client, RD_KAFKA_ADMIN_OP_DELETERECORDS);
    rd_kafka_DeleteRecords_t* requests = request.get();
    rd_kafka_DeleteRecords(client.get(), &requests, 1, options.get(), queue.get());
    const auto event = answer(client, queue.get(), doing);
    if (!event) return event.error();
    const auto* offsets =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event->get()));
    for (int i = 0; i < offsets->cnt; ++i) {
        const auto code = offsets->elems[i].err;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return client.error(code, doing);
    }
    return {};
}

// By a consumer of the group that never subscribes: librdkafka 2.0's admin request for the same
// reads a null pointer while the group's coordinator is still being made.
Result<std::map<TopicPartition, Offset>> committed_offsets(
    const KafkaOptions& options, const std::string& group,
    const std::vector<TopicPartition>& partitions) {
    const auto client = KafkaClient::open(options, RD_KAFKA_CONSUMER, {{"group.id", group}});
    if (!client) return client.error();
    std::vector<std::pair<TopicPartition, Offset>> asked;
    for (const TopicPartition& at : partitions) asked.emplace_back(at, Offset(0));
    const auto list = partition_list(asked);
    const std::string doing = fmt::format("asking for the offsets of group {}", group);
    const auto ask = [&] {
        return rd_kafka_committed((*client)->get(), list.get(), (*client)->request_timeout_ms());
    };
    const auto code = (*client)->ask_again(ask, has_no_coordinator);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return (*client)->error(code, doing);
    std::map<TopicPartition, Offset> out;
    for (int i = 0; i < list->cnt; ++i) {
        const auto& item = list->elems[i];
        if (item.err != RD_KAFKA_RESP_ERR_NO_ERROR) return (*client)->error(item.err, doing);
        if (item.offset >= 0) out[{item.topic, Partition(item.partition)}] = Offset(item.offset);
    }
    return out;
}

Result<std::vector<KafkaBroker>> list_brokers(const KafkaClient& client) {
    const rd_kafka_metadata_t* found = nullptr;
    const auto code =
        rd_kafka_metadata(client.get(), 0, nullptr, &found, client.request_timeout_ms());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return client.error(code, "asking for the brokers");
    const KafkaHandle<const rd_kafka_metadata_t> metadata(found);
    std::vector<KafkaBroker> out;
    for (int i = 0; i < metadata->broker_cnt; ++i) {
        const auto& broker = metadata->brokers[i];
        out.push_back({broker.id, broker.host, broker.port});
    }
    return out;
}

}  // namespace tapedeck
