#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "tape/kafka/kafka_client.h"

namespace tapedeck {

// Appends messages with an idempotent producer: acks=all, retried by librdkafka without doubling
// and without changing the order, and waited for until each is reported. Any thread.
class KafkaProducer {
public:
    // Does not wait for a connection.
    static Result<std::unique_ptr<KafkaProducer>> open(const KafkaOptions& options);
    ~KafkaProducer();
    KafkaProducer(const KafkaProducer&) = delete;
    KafkaProducer& operator=(const KafkaProducer&) = delete;

    // Sends the messages named by `which`, in that order, and puts what became of each into its
    // place of `results`. `unavailable` may mean that the message stands on the tape all the same.
    void append(std::span<const OutgoingMessage> messages, std::span<const std::size_t> which,
                std::vector<Result<Position>>& results);

    // Looks at the cluster for a topic, of which librdkafka may still think that it is missing.
    Result<> find(const std::string& topic);

    // Whether librdkafka gave this producer up; messages sent since failed, and another is needed.
    bool is_broken() const { return broken_.load(); }

private:
    // One call of append. The reports come on the thread of reports_.
    struct Delivery {
        Mutex mutex;
        Changed changed;
        std::size_t waiting TAPEDECK_GUARDED_BY(mutex);
        std::span<const OutgoingMessage> messages;
        std::vector<Result<Position>>* results = nullptr;  // an element is written once
    };
    struct Ticket {
        Delivery* delivery;
        std::size_t index;
    };

    KafkaProducer(std::shared_ptr<KafkaClient> client, std::size_t max_message_bytes);
    std::optional<Error> send(const OutgoingMessage& message, Ticket& ticket);
    void take_reports(std::stop_token stop);
    void report(const rd_kafka_message_t& message);

    const std::shared_ptr<KafkaClient> client_;
    const std::size_t max_message_bytes_;
    const KafkaHandle<rd_kafka_queue_t> queue_;
    std::atomic<bool> broken_ = false;
    std::jthread reports_;
};

}  // namespace tapedeck
