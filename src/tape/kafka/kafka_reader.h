#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tape/kafka/kafka_client.h"
#include "tape/message_copies.h"
#include "tape/tape.h"

namespace tapedeck {

// A descriptor that wakes a waiting thread (eventfd(2)): written by librdkafka when a queue gets
// its first element, and by a stop_callback.
class Wakener {
public:
    Wakener();
    ~Wakener();
    Wakener(const Wakener&) = delete;
    Wakener& operator=(const Wakener&) = delete;

    void wake() const;
    void forget() const;  // what woke us so far
    void wait(std::chrono::milliseconds longest) const;
    int descriptor() const { return descriptor_; }

private:
    const int descriptor_;
};

// A member of a consumer group with cooperative rebalancing.
//
// librdkafka's rebalance events arrive on the consumer's queue and are answered at once: a
// partition that is given to us is acknowledged but not fetched; `start` alone adds it to what is
// fetched, at the offset that it names. Messages of all partitions arrive on one queue of our own,
// whose bounds so hold for the whole reader; they are sorted into chunks by partition here. The
// group's committed offsets are written for lag tools and never read.
//
// One thread, as TapeReader. Chunks outlive the reader and the tape.
class KafkaReader : public TapeReader {
public:
    // `malformed` without topics; `rejected` where librdkafka refuses a setting. Topics that do not
    // exist yet are waited for.
    static Result<std::unique_ptr<KafkaReader>> open(const KafkaOptions& options,
                                                     const std::vector<std::string>& topics,
                                                     const std::string& group);
    ~KafkaReader() override;  // leaves the group

    // A wait without end still wakes once in 100 seconds, to stay a member of the group.
    Result<Polled> poll(std::optional<std::chrono::milliseconds> wait, std::size_t max_bytes,
                        std::stop_token stop) override;
    Result<> start(const TopicPartition& at, Offset from) override;
    void pause(const TopicPartition& at) override;
    void note_loaded(const TopicPartition& at, Offset next) override;

private:
    using Clock = std::chrono::steady_clock;

    // A partition that is ours.
    struct Owned {
        bool is_started = false;
        Offset next;                // of the next chunk
        std::optional<Offset> eof;  // the end, once it was reached
        bool is_lost = false;       // the broker does not have what follows `fetched`
        // Copies: a message of librdkafka's takes 350 bytes beside its texts, and each keeps all
        // that came with it in one answer of the broker, ten times as much as was asked for where
        // it was compressed.
        MessageCopies fetched;
        std::optional<Offset> loaded;  // not committed yet
    };
    using Entry = std::map<TopicPartition, Owned>::value_type;

    KafkaReader(std::shared_ptr<KafkaClient> client, const KafkaOptions& options);

    Error next_fault();
    Polled next_news();
    bool is_going(const TopicPartition& at) const;

    // The group.
    void serve_group();
    bool may_be_closed();
    void take_assigned(const rd_kafka_topic_partition_list_t& list);
    void take_revoked(const rd_kafka_topic_partition_list_t& list);
    void take_group_error(const rd_kafka_event_t& event);
    void tell_gone(std::string_view where);
    void check(rd_kafka_error_t* fault, std::string_view doing);

    // The messages.
    void fetch(std::size_t max_bytes);
    void take(rd_kafka_message_t* message);
    Entry* find(const rd_kafka_message_t& message);
    void take_fault(const rd_kafka_message_t& message, Entry& entry);
    void tell_lost();
    void keep_fetching();
    std::optional<Chunk> next_chunk(std::size_t max_bytes);
    void stop_fetching(Entry& entry);
    void drop_fetched(Owned& owned);
    void route_messages(const TopicPartition& at);

    void commit_noted();
    std::chrono::milliseconds longest_wait(std::optional<Clock::time_point> deadline) const;

    const std::shared_ptr<KafkaClient> client_;
    const std::size_t prefetch_bytes_;
    const std::size_t prefetch_messages_;
    const Wakener wakener_;
    const KafkaHandle<rd_kafka_queue_t> group_queue_;
    const KafkaHandle<rd_kafka_queue_t> message_queue_;

    std::map<TopicPartition, Owned> owned_;
    std::deque<Polled> news_;  // Assigned and Revoked, not told yet
    std::deque<Error> faults_;
    std::set<std::string> gone_;  // topics that were deleted while they were read, and told of
    bool has_heard_ = false;      // of the group, ever

    bool is_any_lost_ = false;

    std::size_t bytes_ = 0;  // of values fetched and not handed out
    std::optional<TopicPartition> last_handed_;
    Entry* last_found_ = nullptr;  // messages of one partition come in runs
    const rd_kafka_topic_t* last_topic_ = nullptr;

    std::size_t taken_bytes_ = 0;  // since librdkafka was last reminded to fetch
    std::size_t taken_messages_ = 0;
    bool is_noted_ = false;
    Clock::time_point next_commit_{};
};

}  // namespace tapedeck
