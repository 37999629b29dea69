#include "tape/kafka/kafka_peek.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "tape/message_copies.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

using std::chrono::steady_clock;

KafkaProperties peek_properties() {
    return {{"auto.offset.reset", "error"},
            // A request that still waits at the broker would hold up the next read.
            {"fetch.wait.max.ms", "5"},
            {"enable.partition.eof", "true"},
            {"check.crcs", "true"},
            {"queued.max.messages.kbytes", "4096"},
            {"fetch.message.max.bytes", "524288"},
            {"fetch.error.backoff.ms", "50"},
            {"receive.message.max.bytes", kMostUnpacked}};
}

// Reads a partition from an offset on, for as long as it lives.
class Fetching {
public:
    Fetching(KafkaClient& client, const TopicPartition& at, Offset from)
        : topic_(rd_kafka_topic_new(client.get(), at.topic.c_str(), nullptr)),
          queue_(rd_kafka_queue_new(client.get())),
          partition_(at.partition.value()),
          started_(topic_ != nullptr &&
                   rd_kafka_consume_start_queue(topic_.get(), partition_, from.value(),
                                                queue_.get()) == 0) {}
    ~Fetching() {
        if (started_) rd_kafka_consume_stop(topic_.get(), partition_);
    }
    Fetching(const Fetching&) = delete;
    Fetching& operator=(const Fetching&) = delete;

    bool is_started() const { return started_; }
    rd_kafka_queue_t* queue() const { return queue_.get(); }

private:
    const KafkaHandle<rd_kafka_topic_t> topic_;
    const KafkaHandle<rd_kafka_queue_t> queue_;
    const std::int32_t partition_;
    const bool started_;
};

}  // namespace

Result<std::unique_ptr<KafkaPeek>> KafkaPeek::open(const KafkaOptions& options) {
    auto client = KafkaClient::open(options, RD_KAFKA_CONSUMER, peek_properties());
    if (!client) return client.error();
    return std::unique_ptr<KafkaPeek>(new KafkaPeek(*std::move(client)));
}

Result<Chunk> KafkaPeek::read(const TopicPartition& at, Offset from, const Extent& extent,
                              std::size_t max_bytes) {
    const std::string doing = fmt::format("reading {} from {}", to_string(at), from.value());
    MessageCopies messages;
    const Fetching fetching(*client_, at, from);
    if (!fetching.is_started()) return client_->error(rd_kafka_last_error(), doing);
    const auto deadline =
        steady_clock::now() + std::chrono::milliseconds(client_->request_timeout_ms());
    std::array<rd_kafka_message_t*, 256> taken{};
    Offset reached = from;
    while (reached < extent.end && messages.bytes() < max_bytes) {
        // A batch with a wait is waited for until it is full, or the wait is over.
        constexpr int kWaitMs = 50;
        taken[0] = rd_kafka_consume_queue(fetching.queue(), kWaitMs);
        ssize_t count = taken[0] == nullptr ? 0 : 1;
        if (count == 1 && max_bytes > 1) {
            count += std::max<ssize_t>(
                0, rd_kafka_consume_batch_queue(fetching.queue(), 0, &taken[1], taken.size() - 1));
        }
        std::optional<Error> fault;
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
            rd_kafka_message_t* message = taken[i];
            if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                reached = next(Offset(message->offset));
                messages.add(shown(*message));
            } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                // Nothing that can be read lies between here and the end.
                reached = std::max(extent.end, Offset(message->offset));
            } else if (!retryable(kind_of(message->err))) {
                fault = client_->error(message->err, doing);
            }
            rd_kafka_message_destroy(message);
        }
        if (fault) return *std::move(fault);
        if (count <= 0 && steady_clock::now() > deadline) {
            return client_->error(RD_KAFKA_RESP_ERR__TIMED_OUT, doing);
        }
    }
    if (messages.empty()) return Chunk{at, from, reached, {}, nullptr};
    Chunk chunk = messages.take(at, from, max_bytes);  // what does not fit is let go
    if (messages.empty() && reached > chunk.next) chunk.next = reached;
    return chunk;
}

}  // namespace tapedeck
