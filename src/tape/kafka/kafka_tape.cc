#include "tape/kafka/kafka_tape.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/mutex.h"
#include "tape/kafka/kafka_reader.h"
#include "tape/tape_rules.h"

namespace tapedeck {

Result<std::unique_ptr<KafkaTape>> KafkaTape::open(KafkaOptions options) {
    // The control client is a consumer because a producer may make topics by asking for them.
    auto control = KafkaClient::open(options, RD_KAFKA_CONSUMER, {});
    if (!control) return control.error();
    auto tape = std::unique_ptr<KafkaTape>(new KafkaTape(std::move(options), *std::move(control)));
    return tape;
}

Result<> KafkaTape::ensure_topic(const std::string& topic, int partitions) {
    if (auto fault = topic_fault(topic, partitions)) return *std::move(fault);
    auto count = count_partitions(*control_, topic);
    if (!count) return count.error();
    if (!*count) {
        forget(topic);  // it may have been another of the same name
        if (auto made = create_topic(*control_, options_, topic, partitions); !made) return made;
        // A broker that does not know of the new topic yet may answer.
        using Count = Result<std::optional<int>>;
        count = control_->ask_again(
            [&] { return count_partitions(*control_, topic); },
            [](const Count& told) { return told ? !*told : retryable(told.error().kind); });
        if (!count) return count.error();
        if (!*count) {
            return Error{ErrorKind::unavailable,
                         fmt::format("Kafka: topic {} was made but does not show", topic)};
        }
    }
    if (**count != partitions) return other_partitions(topic, **count, partitions);
    const Lock lock(mutex_);
    known_[topic] = partitions;
    return {};
}

Result<std::vector<Partition>> KafkaTape::partitions(const std::string& topic) {
    const auto count = count_partitions(*control_, topic);
    if (!count) return count.error();
    if (!*count) return no_topic(topic);
    std::vector<Partition> out;
    for (int i = 0; i < **count; ++i) out.emplace_back(i);
    return out;
}

Result<bool> KafkaTape::is_known(const std::string& topic) {
    {
        const Lock lock(mutex_);
        if (known_.contains(topic)) return true;
    }
    const auto count = count_partitions(*control_, topic);
    if (!count) {
        if (retryable(count.error().kind)) return count.error();
        return false;
    }
    if (!*count) return false;
    const Lock lock(mutex_);
    known_[topic] = **count;
    return true;
}

Result<std::shared_ptr<KafkaProducer>> KafkaTape::producer_for(
    const std::set<std::string>& topics) {
    std::shared_ptr<KafkaProducer> producer;
    std::vector<std::string> missing;
    {
        const Lock lock(mutex_);
        if (producer_ == nullptr || producer_->is_broken()) {
            auto opened = KafkaProducer::open(options_);
            if (!opened) return opened.error();
            producer_ = *std::move(opened);
            found_.clear();
        }
        producer = producer_;
        std::ranges::set_difference(topics, found_, std::back_inserter(missing));
    }
    for (const std::string& topic : missing) {
        if (auto found = producer->find(topic); !found) return found.error();
        const Lock lock(mutex_);
        if (producer == producer_) found_.insert(topic);
    }
    return producer;
}

void KafkaTape::forget(const std::string& topic) {
    const Lock lock(mutex_);
    known_.erase(topic);
    found_.erase(topic);
}

Result<std::vector<Result<Position>>> KafkaTape::append(std::span<const OutgoingMessage> messages) {
    std::vector<Result<Position>> results(messages.size(),
                                          Error{ErrorKind::unavailable, "Kafka: not sent"});
    std::vector<std::size_t> which;
    which.reserve(messages.size());
    std::set<std::string> topics;
    const std::string* last = nullptr;  // messages for one topic stand together
    bool known = false;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        if (last == nullptr || *last != messages[i].topic) {
            const auto answer = is_known(messages[i].topic);
            if (!answer) return answer.error();
            known = *answer;
            last = &messages[i].topic;
            if (known) topics.insert(*last);
        }
        if (known) {
            which.push_back(i);
        } else {
            results[i] = no_topic(messages[i].topic);
        }
    }
    if (which.empty()) return results;
    const auto producer = producer_for(topics);
    if (!producer) return producer.error();
    (*producer)->append(messages, which, results);
    for (const std::size_t index : which) {
        // The topic may be gone: it is asked for again before the next message.
        if (!results[index] && !retryable(results[index].error().kind)) {
            forget(messages[index].topic);
        }
    }
    return results;
}

Result<std::string> KafkaTape::identity() {
    const std::unique_ptr<char, decltype(&std::free)> id(
        rd_kafka_clusterid(control_->get(), control_->request_timeout_ms()), &std::free);
    if (id == nullptr) {
        return control_->error(RD_KAFKA_RESP_ERR__TIMED_OUT, "asking for the cluster's id");
    }
    return "kafka:" + std::string(id.get());
}

Result<Extent> KafkaTape::extent(const TopicPartition& at) {
    const auto count = count_partitions(*control_, at.topic);
    if (!count) return count.error();
    if (!*count) return no_topic(at.topic);
    if (at.partition.value() < 0 || at.partition.value() >= **count) return no_partition(at);
    return control_->extent(at);
}

Result<Offset> KafkaTape::offset_at(const TopicPartition& at, Timestamp time) {
    // Before the question: what is appended meanwhile is as late as it is.
    const auto held = extent(at);
    if (!held) return held.error();
    const auto found = control_->offset_at(at, time);
    if (!found) return found.error();
    return found->value_or(held->end);
}

Result<Chunk> KafkaTape::read(const TopicPartition& at, Offset from, std::size_t max_bytes) {
    const auto held = extent(at);
    if (!held) return held.error();
    if (from < held->earliest || from > held->end) return out_of_range(at, from, *held);
    if (from == held->end) return Chunk{at, from, from, {}, nullptr};
    std::unique_ptr<KafkaPeek> peek;
    {
        const Lock lock(mutex_);
        if (!idle_peeks_.empty()) {
            peek = std::move(idle_peeks_.back());
            idle_peeks_.pop_back();
        }
    }
    if (peek == nullptr) {
        auto opened = KafkaPeek::open(options_);
        if (!opened) return opened.error();
        peek = *std::move(opened);
    }
    auto chunk = peek->read(at, from, *held, max_bytes);
    constexpr std::size_t kMostIdle = 2;
    const Lock lock(mutex_);
    if (idle_peeks_.size() < kMostIdle) idle_peeks_.push_back(std::move(peek));
    return chunk;
}

Result<std::unique_ptr<TapeReader>> KafkaTape::open_reader(std::vector<std::string> topics,
                                                           std::string group) {
    auto reader = KafkaReader::open(options_, topics, group);
    if (!reader) return reader.error();
    return std::unique_ptr<TapeReader>(*std::move(reader));
}

Result<> KafkaTape::discard(const TopicPartition& at, Offset before) {
    const auto held = extent(at);
    if (!held) return held.error();
    if (before <= held->earliest) return {};
    return delete_records(*control_, at, std::min(before, held->end));
}

Result<KafkaStatus> KafkaTape::describe(const std::vector<std::string>& topics,
                                        const std::string& group) {
    auto brokers = list_brokers(*control_);
    if (!brokers) return brokers.error();
    std::vector<TopicPartition> partitions;
    for (const std::string& topic : topics) {
        const auto count = count_partitions(*control_, topic);
        if (!count) return count.error();
        for (int i = 0; i < count->value_or(0); ++i) partitions.push_back({topic, Partition(i)});
    }
    KafkaStatus status{*std::move(brokers), {}};
    if (partitions.empty()) return status;
    const auto committed = committed_offsets(options_, group, partitions);
    if (!committed) return committed.error();
    for (const TopicPartition& at : partitions) {
        const auto held = control_->extent(at);
        if (!held) return held.error();
        const auto found = committed->find(at);
        status.partitions.push_back(
            {at, *held, found == committed->end() ? std::nullopt : std::optional(found->second)});
    }
    return status;
}

Result<std::vector<KafkaMember>> KafkaTape::members(const std::string& group) {
    return list_members(*control_, group);
}

}  // namespace tapedeck
