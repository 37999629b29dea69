#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "tape/kafka/kafka_admin.h"
#include "tape/kafka/kafka_options.h"
#include "tape/kafka/kafka_peek.h"
#include "tape/kafka/kafka_producer.h"
#include "tape/tape.h"

namespace tapedeck {

// How a group of readers stands in one partition.
struct KafkaLag {
    TopicPartition at;
    Extent extent;
    std::optional<Offset> loaded;  // as noted by the group; it follows the ledger within a second
    friend bool operator==(const KafkaLag&, const KafkaLag&) = default;

    // Messages that the group has not noted as loaded yet.
    std::int64_t messages() const {
        return extent.end.value() -
               std::max(loaded.value_or(extent.earliest), extent.earliest).value();
    }
};

struct KafkaStatus {
    std::vector<KafkaBroker> brokers;
    std::vector<KafkaLag> partitions;  // of the topics that exist, in order
};

// A tape in a Kafka cluster, by librdkafka: docs/kafka.md. Whether the brokers can be reached shows
// in the calls, each of which ends within the request or message timeout with `unavailable`, and
// works again by itself when they are back. Topics are never made by accident: a message for one
// that is missing is `rejected`. Readers may outlive the tape.
class KafkaTape : public Tape {
public:
    // Checks the options, starts connecting, and does not wait for it. `rejected` names the
    // setting that is wrong.
    static Result<std::unique_ptr<KafkaTape>> open(KafkaOptions options);

    Result<std::string> identity() override;  // the cluster's id
    Result<> ensure_topic(const std::string& topic, int partitions) override;
    Result<std::vector<Partition>> partitions(const std::string& topic) override;
    Result<std::vector<Result<Position>>> append(
        std::span<const OutgoingMessage> messages) override;
    Result<Extent> extent(const TopicPartition& at) override;
    Result<Offset> offset_at(const TopicPartition& at, Timestamp time) override;
    Result<Chunk> read(const TopicPartition& at, Offset from, std::size_t max_bytes) override;
    Result<std::unique_ptr<TapeReader>> open_reader(std::vector<std::string> topics,
                                                    std::string group) override;
    Result<> discard(const TopicPartition& at, Offset before) override;

    // For people: who is there, how far the group's readers are.
    Result<KafkaStatus> describe(const std::vector<std::string>& topics, const std::string& group);

    // Who reads which partitions in a group, by member.
    Result<std::vector<KafkaMember>> members(const std::string& group);

private:
    KafkaTape(KafkaOptions options, std::shared_ptr<KafkaClient> control)
        : options_(std::move(options)), control_(std::move(control)) {}

    Result<bool> is_known(const std::string& topic);
    Result<std::shared_ptr<KafkaProducer>> producer_for(const std::set<std::string>& topics);
    void forget(const std::string& topic);

    const KafkaOptions options_;
    const std::shared_ptr<KafkaClient> control_;

    Mutex mutex_;
    // Topics seen, with their number of partitions.
    std::map<std::string, int> known_ TAPEDECK_GUARDED_BY(mutex_);
    // Shared: with the calls that are using it.
    std::shared_ptr<KafkaProducer> producer_ TAPEDECK_GUARDED_BY(mutex_);
    // Topics that producer_ has looked for.
    std::set<std::string> found_ TAPEDECK_GUARDED_BY(mutex_);
    std::vector<std::unique_ptr<KafkaPeek>> idle_peeks_ TAPEDECK_GUARDED_BY(mutex_);
};

}  // namespace tapedeck
