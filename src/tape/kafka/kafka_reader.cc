#include "tape/kafka/kafka_reader.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestSilence{300'000};  // max.poll.interval.ms
constexpr milliseconds kKeepAlive = kLongestSilence / 3;
constexpr milliseconds kBetweenCommits{1'000};
constexpr std::size_t kFetchBytes = 128 * 1024;  // of one partition in one answer, compressed

KafkaProperties reader_properties(const KafkaOptions& options, const std::string& group) {
    return {
        {"group.id", group},
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        {"check.crcs", "true"},
        {"session.timeout.ms", std::to_string(options.session_timeout.count())},
        {"heartbeat.interval.ms",
         std::to_string(std::min<std::int64_t>(options.session_timeout.count() / 4, 1'000))},
        {"max.poll.interval.ms", std::to_string(kLongestSilence.count())},
        {"queued.min.messages", std::to_string(options.prefetch_messages)},
        {"queued.max.messages.kbytes", std::to_string(options.prefetch_bytes / 1024)},
        {"fetch.message.max.bytes", std::to_string(kFetchBytes)},
        {"fetch.max.bytes",
         std::to_string(std::max<std::size_t>(options.prefetch_bytes, options.max_message_bytes))},
        {"fetch.error.backoff.ms", "100"},
        {"receive.message.max.bytes", kMostUnpacked},
    };
}

std::vector<TopicPartition> from_list(const rd_kafka_topic_partition_list_t& list) {
    std::vector<TopicPartition> out;
    for (int i = 0; i < list.cnt; ++i) {
        out.push_back({list.elems[i].topic, Partition(list.elems[i].partition)});
    }
    return out;
}

}  // namespace

Wakener::Wakener() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    TAPEDECK_ASSERT(descriptor_ >= 0);
}
Wakener::~Wakener() { close(descriptor_); }
void Wakener::wake() const { eventfd_write(descriptor_, 1); }
void Wakener::forget() const {
    eventfd_t count = 0;
    eventfd_read(descriptor_, &count);
}
void Wakener::wait(milliseconds longest) const {
    pollfd watched{descriptor_, POLLIN, 0};
    ::poll(&watched, 1, static_cast<int>(longest.count()));
}

Result<std::unique_ptr<KafkaReader>> KafkaReader::open(const KafkaOptions& options,
                                                       const std::vector<std::string>& topics,
                                                       const std::string& group) {
    auto client = KafkaClient::open(options, RD_KAFKA_CONSUMER, reader_properties(options, group),
                                    RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR);
    if (!client) return client.error();
    rd_kafka_poll_set_consumer((*client)->get());
    const KafkaHandle<rd_kafka_topic_partition_list_t> wanted(
        rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
    for (const std::string& topic : topics) {
        rd_kafka_topic_partition_list_add(wanted.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    }
    auto reader = std::unique_ptr<KafkaReader>(new KafkaReader(*client, options));
    const auto code = rd_kafka_subscribe((*client)->get(), wanted.get());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return (*client)->error(code, fmt::format("joining group {}", group));
    }
    return reader;
}

KafkaReader::KafkaReader(std::shared_ptr<KafkaClient> client, const KafkaOptions& options)
    : client_(std::move(client)),
      prefetch_bytes_(options.prefetch_bytes),
      prefetch_messages_(options.prefetch_messages),
      group_queue_(rd_kafka_queue_get_consumer(client_->get())),
      message_queue_(rd_kafka_queue_new(client_->get())) {
    const std::uint64_t one = 1;  // what an eventfd takes
    for (rd_kafka_queue_t* queue : {group_queue_.get(), message_queue_.get()}) {
        rd_kafka_queue_io_event_enable(queue, wakener_.descriptor(), &one, sizeof one);
    }
}

// librdkafka before 2.3 ends the program when a consumer is closed after it was let into a group
// and before it was told its share (librdkafka's issue 4312). Waits for that, a few seconds at
// most.
bool KafkaReader::may_be_closed() {
    constexpr milliseconds kLongestGoodbye{10'000};
    constexpr milliseconds kBetweenLooks{20};
    const auto deadline = Clock::now() + kLongestGoodbye;
    for (;;) {
        wakener_.forget();
        serve_group();
        if (has_heard_) return true;
        const char* protocol = rd_kafka_rebalance_protocol(client_->get());
        if (protocol == nullptr || std::string_view(protocol) == "NONE") return true;
        if (Clock::now() > deadline) return false;
        wakener_.wait(kBetweenLooks);
    }
}

KafkaReader::~KafkaReader() {
    commit_noted();
    const bool is_closing = may_be_closed();
    for (rd_kafka_queue_t* queue : {group_queue_.get(), message_queue_.get()}) {
        rd_kafka_queue_io_event_enable(queue, -1, nullptr, 0);
    }
    owned_.clear();
    if (is_closing) {
        rd_kafka_consumer_close(client_->get());
    } else {
        // Left open for good: the broker forgets a silent member, and nobody else need die.
        static_cast<void>(new std::shared_ptr<KafkaClient>(client_));
    }
}

Result<Polled> KafkaReader::poll(std::optional<milliseconds> wait, std::size_t max_bytes,
                                 std::stop_token stop) {
    const auto deadline = wait ? std::optional(Clock::now() + *wait) : std::nullopt;
    const std::stop_callback on_stop(stop, [this] { wakener_.wake(); });
    for (;;) {
        wakener_.forget();  // before looking, so that what comes later wakes us
        serve_group();
        if (news_.empty() && faults_.empty()) fetch(max_bytes);
        if (is_any_lost_) tell_lost();
        if (!faults_.empty()) return next_fault();
        if (!news_.empty()) return next_news();
        if (auto chunk = next_chunk(max_bytes)) return Polled(*std::move(chunk));
        if (is_noted_ && Clock::now() >= next_commit_) commit_noted();
        if (stop.stop_requested() || (deadline && Clock::now() >= *deadline)) break;
        wakener_.wait(longest_wait(deadline));
    }
    return Polled();  // Idle
}

Error KafkaReader::next_fault() {
    Error fault = std::move(faults_.front());
    faults_.pop_front();
    return fault;
}

Polled KafkaReader::next_news() {
    Polled told = std::move(news_.front());
    news_.pop_front();
    return told;
}

// Whether the group took it away and poll is about to tell: perhaps after having told that it came,
// where it comes and goes between two polls.
bool KafkaReader::is_going(const TopicPartition& at) const {
    return std::ranges::any_of(news_, [&](const Polled& news) {
        const auto* revoked = std::get_if<Revoked>(&news);
        return revoked != nullptr && std::ranges::count(revoked->partitions, at) > 0;
    });
}

milliseconds KafkaReader::longest_wait(std::optional<Clock::time_point> deadline) const {
    auto until = Clock::now() + kKeepAlive;
    if (deadline) until = std::min(until, *deadline);
    if (is_noted_) until = std::min(until, next_commit_);
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(until - Clock::now()));
}

// Answers what the group told us. Never waits.
void KafkaReader::serve_group() {
    for (;;) {
        const KafkaHandle<rd_kafka_event_t> event(rd_kafka_queue_poll(group_queue_.get(), 0));
        if (event == nullptr) return;
        switch (rd_kafka_event_type(event.get())) {
            case RD_KAFKA_EVENT_REBALANCE: {
                has_heard_ = true;
                const auto* list = rd_kafka_event_topic_partition_list(event.get());
                if (rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
                    take_assigned(*list);
                } else {
                    take_revoked(*list);
                }
                break;
            }
            case RD_KAFKA_EVENT_ERROR:
                take_group_error(*event);
                break;
            default:
                break;
        }
    }
}

void KafkaReader::take_assigned(const rd_kafka_topic_partition_list_t& list) {
    // Acknowledged without fetching anything: that is start()'s to do.
    const auto none = partition_list({});
    check(rd_kafka_incremental_assign(client_->get(), none.get()), "taking partitions");
    auto partitions = from_list(list);
    for (const TopicPartition& at : partitions) {
        owned_.try_emplace(at);
        gone_.erase(at.topic);
    }
    if (!partitions.empty()) news_.emplace_back(Assigned{std::move(partitions)});
}

void KafkaReader::take_revoked(const rd_kafka_topic_partition_list_t& list) {
    commit_noted();
    auto partitions = from_list(list);
    std::vector<std::pair<TopicPartition, Offset>> fetching;
    for (const TopicPartition& at : partitions) {
        const auto found = owned_.find(at);
        if (found == owned_.end()) continue;
        if (found->second.is_started) fetching.emplace_back(at, Offset(0));
        drop_fetched(found->second);
        last_found_ = nullptr;
        owned_.erase(found);
    }
    const auto unassigned = partition_list(fetching);
    check(rd_kafka_incremental_unassign(client_->get(), unassigned.get()), "giving up partitions");
    if (!partitions.empty()) news_.emplace_back(Revoked{std::move(partitions)});
}

// Most errors are librdkafka's to mend, and it tells of them while it does. What a caller should
// hear of is that nobody answers, and what will not get better by waiting.
void KafkaReader::take_group_error(const rd_kafka_event_t& event) {
    auto* readable = const_cast<rd_kafka_event_t*>(&event);  // the getters take it so
    const auto code = rd_kafka_event_error(readable);
    const char* text = rd_kafka_event_error_string(readable);
    switch (code) {
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR__SSL:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
        case RD_KAFKA_RESP_ERR__FATAL:
            faults_.push_back(client_->error(code, text == nullptr ? "reading" : text));
            break;
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
            tell_gone(text == nullptr ? "" : text);
            break;
        default:
            break;
    }
}

// A topic that was never there is waited for without a word; one that was read has been deleted.
// `where` names it among other words, a colon behind it.
void KafkaReader::tell_gone(std::string_view where) {
    for (const auto& [at, owned] : owned_) {
        if (where.find(" " + at.topic + ":") == where.npos || !gone_.insert(at.topic).second)
            continue;
        faults_.push_back(
            {ErrorKind::unavailable,
             fmt::format("the topic {} was deleted while it was read: what was on it and not "
                         "loaded is lost, and one made anew under its name will be refused",
                         at.topic)});
    }
}

void KafkaReader::check(rd_kafka_error_t* fault, std::string_view doing) {
    if (fault == nullptr) return;
    const KafkaHandle<rd_kafka_error_t> owner(fault);
    faults_.push_back({ErrorKind::unavailable,
                       fmt::format("Kafka: {}: {}", doing, rd_kafka_error_string(fault))});
}

Result<> KafkaReader::start(const TopicPartition& at, Offset from) {
    serve_group();
    const auto found = owned_.find(at);
    if (found == owned_.end()) {
        if (is_going(at)) return {};
        return Error{ErrorKind::rejected,
                     fmt::format("{} is not this reader's to read", to_string(at))};
    }
    if (found->second.is_started) stop_fetching(*found);
    const auto list = partition_list({{at, from}});
    // Both before and after: the first time so that nothing gets onto the group's queue, and
    // later because the end of an earlier start undoes it.
    route_messages(at);
    const KafkaHandle<rd_kafka_error_t> fault(
        rd_kafka_incremental_assign(client_->get(), list.get()));
    if (fault != nullptr) {
        return Error{ErrorKind::unavailable, fmt::format("Kafka: starting {}: {}", to_string(at),
                                                         rd_kafka_error_string(fault.get()))};
    }
    route_messages(at);
    Owned& owned = found->second;
    owned.is_started = true;
    owned.next = from;
    owned.eof.reset();
    return {};
}

void KafkaReader::pause(const TopicPartition& at) {
    serve_group();
    const auto found = owned_.find(at);
    if (found != owned_.end() && found->second.is_started) stop_fetching(*found);
}

void KafkaReader::stop_fetching(Entry& entry) {
    drop_fetched(entry.second);
    entry.second.is_started = false;
    entry.second.is_lost = false;
    const auto list = partition_list({{entry.first, Offset(0)}});
    check(rd_kafka_incremental_unassign(client_->get(), list.get()), "pausing");
}

void KafkaReader::drop_fetched(Owned& owned) {
    bytes_ -= owned.fetched.bytes();
    owned.fetched.clear();
}

void KafkaReader::route_messages(const TopicPartition& at) {
    const KafkaHandle<rd_kafka_queue_t> queue(
        rd_kafka_queue_get_partition(client_->get(), at.topic.c_str(), at.partition.value()));
    if (queue != nullptr) rd_kafka_queue_forward(queue.get(), message_queue_.get());
}

// Takes what librdkafka has fetched, up to `max_bytes` of values. Never waits.
void KafkaReader::fetch(std::size_t max_bytes) {
    std::array<rd_kafka_message_t*, 512> taken{};
    while (bytes_ < max_bytes) {
        const auto count =
            rd_kafka_consume_batch_queue(message_queue_.get(), 0, taken.data(), taken.size());
        if (count <= 0) return;
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) take(taken[i]);
        keep_fetching();
    }
}

KafkaReader::Entry* KafkaReader::find(const rd_kafka_message_t& message) {
    if (message.rkt == nullptr) return nullptr;
    if (last_found_ != nullptr && message.rkt == last_topic_ &&
        message.partition == last_found_->first.partition.value()) {
        return last_found_;
    }
    const auto found =
        owned_.find({rd_kafka_topic_name(message.rkt), Partition(message.partition)});
    if (found == owned_.end()) return nullptr;
    last_topic_ = message.rkt;
    last_found_ = &*found;
    return last_found_;
}

void KafkaReader::take(rd_kafka_message_t* message) {
    Entry* entry = find(*message);
    const bool is_ours = entry != nullptr && entry->second.is_started;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        // What was fetched before the partition was started elsewhere is of no use.
        if (!is_ours || message->offset < entry->second.next.value()) {
            rd_kafka_message_destroy(message);
            return;
        }
        entry->second.fetched.add(shown(*message));
        bytes_ += message->len;
        taken_bytes_ += message->len + message->key_len;
        ++taken_messages_;
        rd_kafka_message_destroy(message);
        return;
    }
    if (is_ours) take_fault(*message, *entry);
    rd_kafka_message_destroy(message);
}

void KafkaReader::take_fault(const rd_kafka_message_t& message, Entry& entry) {
    auto& [at, owned] = entry;
    const auto code = message.err;
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        owned.eof = Offset(message.offset);
        return;
    }
    if (kind_of(code) == ErrorKind::unavailable) return;  // librdkafka goes on by itself
    if (code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        return tell_gone(" " + at.topic + ":");
    }
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        owned.is_lost = true;
        is_any_lost_ = true;
        return;
    }
    faults_.push_back(client_->error(
        code, fmt::format("reading {} at offset {}", to_string(at), owned.next.value())));
}

// A partition whose next offset the broker does not have, once what was fetched of it before has
// been handed out. Where the leader has it after all (another has been elected), it is asked again.
void KafkaReader::tell_lost() {
    is_any_lost_ = false;
    std::vector<std::pair<TopicPartition, Offset>> lost;
    for (Entry& entry : owned_) {
        auto& [at, owned] = entry;
        if (!owned.is_lost) continue;
        if (!owned.fetched.empty()) {
            is_any_lost_ = true;
            continue;
        }
        lost.emplace_back(at, owned.next);
        stop_fetching(entry);
    }
    for (const auto& [at, asked] : lost) {
        const auto extent = client_->extent(at);
        if (!extent) {
            faults_.push_back({ErrorKind::corrupt, fmt::format("{}: offset {} is out of range",
                                                               to_string(at), asked.value())});
        } else if (asked < extent->earliest || asked > extent->end) {
            faults_.push_back(out_of_range(at, asked, *extent));
        } else if (auto again = start(at, asked); !again) {
            faults_.push_back(again.error());
        }
    }
}

// librdkafka before 2.2 looks only once a second whether its full queue has been emptied, and so
// would starve a reader with a small queue. A request to the leaders makes it look at once.
void KafkaReader::keep_fetching() {
    const bool is_due =
        taken_messages_ >= prefetch_messages_ / 2 || taken_bytes_ >= prefetch_bytes_ / 2;
    if (!is_due || rd_kafka_queue_length(message_queue_.get()) >= prefetch_messages_) return;
    taken_messages_ = 0;
    taken_bytes_ = 0;
    std::vector<std::pair<TopicPartition, Offset>> started;
    for (const auto& [at, owned] : owned_) {
        if (owned.is_started) started.emplace_back(at, Offset(RD_KAFKA_OFFSET_END));
    }
    constexpr int kLongestMs = 100;
    if (started.empty()) return;
    rd_kafka_offsets_for_times(client_->get(), partition_list(started).get(), kLongestMs);
}

// The partitions take turns, so that a long one does not hold up the others.
std::optional<Chunk> KafkaReader::next_chunk(std::size_t max_bytes) {
    const auto is_ready = [](const Entry& entry) {
        const Owned& owned = entry.second;
        return !owned.fetched.empty() || (owned.eof && *owned.eof > owned.next);
    };
    const auto begin = last_handed_ ? owned_.upper_bound(*last_handed_) : owned_.begin();
    auto found = std::find_if(begin, owned_.end(), is_ready);
    if (found == owned_.end()) {
        found = std::find_if(owned_.begin(), begin, is_ready);
        if (found == begin) return std::nullopt;
    }
    auto& [at, owned] = *found;
    last_handed_ = at;
    Chunk chunk{at, owned.next, owned.next, {}, nullptr};
    if (!owned.fetched.empty()) {
        bytes_ -= owned.fetched.bytes();
        chunk = owned.fetched.take(at, owned.next, max_bytes);
        bytes_ += owned.fetched.bytes();
    }
    // Offsets without messages before the end: transaction marks, compacted messages.
    if (owned.fetched.empty() && owned.eof) {
        chunk.next = std::max(chunk.next, *owned.eof);
        owned.eof.reset();
    }
    owned.next = chunk.next;
    return chunk;
}

void KafkaReader::note_loaded(const TopicPartition& at, Offset next) {
    const auto found = owned_.find(at);
    if (found == owned_.end()) return;
    found->second.loaded = next;
    if (is_noted_) return;
    is_noted_ = true;
    next_commit_ = std::max(next_commit_, Clock::now());
}

void KafkaReader::commit_noted() {
    if (!is_noted_) return;
    std::vector<std::pair<TopicPartition, Offset>> noted;
    for (auto& [at, owned] : owned_) {
        if (owned.loaded) noted.emplace_back(at, *std::exchange(owned.loaded, std::nullopt));
    }
    is_noted_ = false;
    next_commit_ = Clock::now() + kBetweenCommits;
    constexpr int kWithoutWaiting = 1;
    // What becomes of it matters to nobody: the ledger says where to go on.
    rd_kafka_commit(client_->get(), partition_list(noted).get(), kWithoutWaiting);
}

}  // namespace tapedeck
