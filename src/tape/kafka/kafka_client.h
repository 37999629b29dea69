#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "tape/kafka/kafka_options.h"
#include "tape/tape.h"

namespace tapedeck {

// Gives each object of librdkafka back to it.
struct KafkaRelease {
    void operator()(rd_kafka_conf_t* it) const { rd_kafka_conf_destroy(it); }
    void operator()(rd_kafka_queue_t* it) const { rd_kafka_queue_destroy(it); }
    void operator()(rd_kafka_topic_t* it) const { rd_kafka_topic_destroy(it); }
    void operator()(rd_kafka_event_t* it) const { rd_kafka_event_destroy(it); }
    void operator()(rd_kafka_error_t* it) const { rd_kafka_error_destroy(it); }
    void operator()(rd_kafka_topic_partition_list_t* it) const {
        rd_kafka_topic_partition_list_destroy(it);
    }
    void operator()(const rd_kafka_metadata_t* it) const { rd_kafka_metadata_destroy(it); }
    void operator()(const rd_kafka_group_list* it) const { rd_kafka_group_list_destroy(it); }
    void operator()(rd_kafka_AdminOptions_t* it) const { rd_kafka_AdminOptions_destroy(it); }
    void operator()(rd_kafka_NewTopic_t* it) const { rd_kafka_NewTopic_destroy(it); }
    void operator()(rd_kafka_DeleteRecords_t* it) const { rd_kafka_DeleteRecords_destroy(it); }
};
template <class T>
using KafkaHandle = std::unique_ptr<T, KafkaRelease>;

using KafkaProperties = std::vector<std::pair<std::string, std::string>>;

// The properties of librdkafka (its CONFIGURATION.md) that follow from the options alone: brokers,
// encryption, login, timeouts. Holds the passwords.
KafkaProperties common_properties(const KafkaOptions& options);

// What a caller can do about an error of librdkafka's. Codes that are not known count as
// `unavailable`: trying again loses nothing.
ErrorKind kind_of(rd_kafka_resp_err_t code);

// One instance of librdkafka with its own threads and connections. Connects in the background and
// by itself after a failure. Any thread; shared, as messages that were fetched live inside it.
class KafkaClient {
public:
    // `properties` come on top of the common ones; `events` are those that the caller polls for.
    // Does not wait for a connection. `rejected` names the setting that librdkafka refuses.
    static Result<std::shared_ptr<KafkaClient>> open(const KafkaOptions& options,
                                                     rd_kafka_type_t type,
                                                     const KafkaProperties& properties,
                                                     int events = 0);
    ~KafkaClient();
    KafkaClient(const KafkaClient&) = delete;
    KafkaClient& operator=(const KafkaClient&) = delete;

    rd_kafka_t* get() const { return handle_; }
    int request_timeout_ms() const { return request_timeout_ms_; }

    // An error with its code's text and, where the far side is away, the last thing that
    // librdkafka complained of: "connection refused", "certificate verify failed".
    Error error(rd_kafka_resp_err_t code, std::string_view doing) const;

    // Asks until the answer is none of those that pass with time, or the time for a request is
    // over: the last answer.
    template <class Ask, class Passes>
    auto ask_again(const Ask& ask, const Passes& passes) const {
        constexpr std::chrono::milliseconds kBetweenTries{20};
        const auto until =
            std::chrono::steady_clock::now() + std::chrono::milliseconds(request_timeout_ms_);
        auto answer = ask();
        while (passes(answer) && std::chrono::steady_clock::now() < until) {
            std::this_thread::sleep_for(kBetweenTries);
            answer = ask();
        }
        return answer;
    }

    // What the broker still has of a partition, by asking its leader.
    Result<Extent> extent(const TopicPartition& at) const;
    // As Tape::offset_at; nothing where no message is that late.
    Result<std::optional<Offset>> offset_at(const TopicPartition& at, Timestamp time) const;

private:
    explicit KafkaClient(std::chrono::milliseconds timeout)
        : request_timeout_ms_(static_cast<int>(timeout.count())) {}
    static void take_log(const rd_kafka_t* handle, int level, const char* facility,
                         const char* text);

    rd_kafka_t* handle_ = nullptr;
    const int request_timeout_ms_;
    std::string_view hint_;  // what else a refused login may mean; set before any use
    mutable Mutex mutex_;
    std::string complaint_ TAPEDECK_GUARDED_BY(mutex_);
};

// The most that one batch of messages may come to once it is unpacked: librdkafka's own limit.
// Foreign producers pack 100 MB and more of alike messages into what a broker takes.
inline constexpr const char* kMostUnpacked = "2147483647";

// A list of partitions with the offsets to act on.
KafkaHandle<rd_kafka_topic_partition_list_t> partition_list(
    const std::vector<std::pair<TopicPartition, Offset>>& items);

// A message of the broker's as the seam shows it; its texts live as long as `message`.
TapeMessage shown(const rd_kafka_message_t& message);

}  // namespace tapedeck
