#include "tape/local_tape.h"

#include <algorithm>
#include <iterator>

#include "base/assert.h"
#include "base/mutex.h"
#include "tape/tape_rules.h"

namespace tapedeck {

// The reader of every local tape. Ownership is agreed with the other readers under the tape's
// mutex; positions are this reader's own.
class LocalReader : public TapeReader {
public:
    LocalReader(LocalTape& tape, std::shared_ptr<LocalTape::Member> member,
                std::unique_ptr<LocalTape::Cursor> cursor)
        : tape_(tape), member_(std::move(member)), cursor_(std::move(cursor)) {}
    ~LocalReader() override { tape_.leave(*member_); }

    Result<Polled> poll(std::optional<std::chrono::milliseconds> wait, std::size_t max_bytes,
                        std::stop_token stop) override;

    Result<> start(const TopicPartition& at, Offset from) override {
        positions_[at] = from;
        return {};
    }
    void pause(const TopicPartition& at) override { positions_.erase(at); }
    // Lag tools of a local tape look into the ledger itself.
    void note_loaded(const TopicPartition&, Offset) override {}

private:
    std::vector<TopicPartition> to_give_back() const TAPEDECK_REQUIRES(tape_.mutex_);
    std::vector<TopicPartition> to_take() const TAPEDECK_REQUIRES(tape_.mutex_);
    std::optional<Polled> take_change() TAPEDECK_REQUIRES(tape_.mutex_);
    std::optional<TopicPartition> next_ready() const TAPEDECK_REQUIRES(tape_.mutex_);

    Result<> look_for_others();
    Result<Polled> read(const TopicPartition& at, std::size_t max_bytes);

    LocalTape& tape_;
    const std::shared_ptr<LocalTape::Member> member_;
    const std::unique_ptr<LocalTape::Cursor> cursor_;
    std::map<TopicPartition, Offset> positions_;  // of the partitions that are started
    std::optional<TopicPartition> last_read_;
};

Result<Polled> LocalReader::poll(std::optional<std::chrono::milliseconds> wait,
                                 std::size_t max_bytes, std::stop_token stop) {
    const auto deadline =
        std::chrono::steady_clock::now() + wait.value_or(std::chrono::milliseconds(0));
    bool looked = false;
    Lock lock(tape_.mutex_);
    for (;;) {
        if (auto change = take_change()) return *std::move(change);
        if (const auto at = next_ready()) {
            lock.unlock();
            return read(*at, max_bytes);
        }
        if (stop.stop_requested()) return Polled(Idle{});
        if (!looked) {
            looked = true;
            lock.unlock();
            if (auto done = look_for_others(); !done) return done.error();
            lock.lock();
            continue;
        }
        const auto news = [this]() TAPEDECK_REQUIRES(tape_.mutex_) {
            return next_ready() || !to_give_back().empty() || !to_take().empty();
        };
        if (!wait) {
            tape_.changed_.wait(lock, stop, news);
        } else if (!tape_.changed_.wait_until(lock, stop, deadline, news)) {
            return Polled(Idle{});
        }
    }
}

std::vector<TopicPartition> LocalReader::to_give_back() const {
    std::vector<TopicPartition> out;
    std::ranges::set_difference(member_->owned, member_->wanted, std::back_inserter(out));
    return out;
}

std::vector<TopicPartition> LocalReader::to_take() const {
    std::vector<TopicPartition> out;
    for (const TopicPartition& at : member_->wanted) {
        if (tape_.is_free(member_->group, at)) out.push_back(at);
    }
    return out;
}

std::optional<Polled> LocalReader::take_change() {
    if (auto gone = to_give_back(); !gone.empty()) {
        for (const TopicPartition& at : gone) {
            member_->owned.erase(at);
            positions_.erase(at);
        }
        tape_.changed_.notify_all();
        return Polled(Revoked{std::move(gone)});
    }
    if (auto news = to_take(); !news.empty()) {
        member_->owned.insert(news.begin(), news.end());
        return Polled(Assigned{std::move(news)});
    }
    return std::nullopt;
}

// The partitions take turns, so that a long one does not hold up the others.
std::optional<TopicPartition> LocalReader::next_ready() const {
    const auto ready = [this](const auto& entry) TAPEDECK_REQUIRES(tape_.mutex_) {
        const auto end = tape_.ends_.find(entry.first);
        return end != tape_.ends_.end() && entry.second < end->second;
    };
    const auto begin = last_read_ ? positions_.upper_bound(*last_read_) : positions_.begin();
    auto found = std::find_if(begin, positions_.end(), ready);
    if (found == positions_.end()) {
        found = std::find_if(positions_.begin(), begin, ready);
        if (found == begin) return std::nullopt;
    }
    return found->first;
}

// Another process may have appended, or the tape may end below a position.
Result<> LocalReader::look_for_others() {
    for (auto entry = positions_.begin(); entry != positions_.end();) {
        const TopicPartition at = entry->first;
        const Offset position = entry->second;
        ++entry;
        const auto extent = cursor_->extent(at);
        if (!extent) return extent.error();
        if (position > extent->end) {
            positions_.erase(at);
            return out_of_range(at, position, *extent);
        }
        tape_.appended(at, extent->end);
    }
    return {};
}

Result<Polled> LocalReader::read(const TopicPartition& at, std::size_t max_bytes) {
    last_read_ = at;
    auto chunk = cursor_->read(at, positions_.at(at), max_bytes);
    if (!chunk) {
        // Out of range: reading it again would say the same for ever.
        if (!retryable(chunk.error().kind)) positions_.erase(at);
        return chunk.error();
    }
    positions_[at] = chunk->next;
    return Polled(*std::move(chunk));
}

Result<std::unique_ptr<TapeReader>> LocalTape::open_reader(std::vector<std::string> topics,
                                                           std::string group) {
    auto cursor = open_cursor();
    if (!cursor) return cursor.error();
    std::map<std::string, int> counts;
    for (const std::string& topic : topics) {
        const auto found = partitions(topic);
        if (found) {
            counts[topic] = static_cast<int>(found->size());
        } else if (found.error().kind != ErrorKind::rejected) {
            return found.error();
        }
    }
    auto member = std::make_shared<Member>();
    member->group = std::move(group);
    member->topics = {topics.begin(), topics.end()};
    const Lock lock(mutex_);
    partition_counts_.insert(counts.begin(), counts.end());
    members_.push_back(member);
    share_out(member->group);
    return std::unique_ptr<TapeReader>(
        std::make_unique<LocalReader>(*this, std::move(member), *std::move(cursor)));
}

void LocalTape::appended(const TopicPartition& at, Offset end) {
    const Lock lock(mutex_);
    Offset& known = ends_[at];
    if (end <= known) return;
    known = end;
    changed_.notify_all();
}

void LocalTape::topic_made(const std::string& topic, int partitions) {
    const Lock lock(mutex_);
    if (!partition_counts_.emplace(topic, partitions).second) return;
    std::set<std::string> groups;
    for (const auto& member : members_) {
        if (member->topics.contains(topic)) groups.insert(member->group);
    }
    for (const std::string& group : groups) share_out(group);
}

void LocalTape::leave(const Member& member) {
    const Lock lock(mutex_);
    const auto erased =
        std::erase_if(members_, [&](const auto& each) { return each.get() == &member; });
    TAPEDECK_ASSERT(erased == 1);
    share_out(member.group);
}

// Each topic's partitions go round among those who asked for the topic. A partition that is wanted
// from somebody else stays with its owner until that one has been told (Revoked).
void LocalTape::share_out(const std::string& group) {
    for (const auto& member : members_) {
        if (member->group == group) member->wanted.clear();
    }
    for (const auto& [topic, count] : partition_counts_) {
        std::vector<Member*> takers;
        for (const auto& member : members_) {
            if (member->group == group && member->topics.contains(topic)) {
                takers.push_back(member.get());
            }
        }
        for (int i = 0; i < count && !takers.empty(); ++i) {
            takers[static_cast<std::size_t>(i) % takers.size()]->wanted.insert(
                {topic, Partition(i)});
        }
    }
    changed_.notify_all();
}

bool LocalTape::is_free(const std::string& group, const TopicPartition& at) const {
    return std::ranges::none_of(members_, [&](const auto& member) {
        return member->group == group && member->owned.contains(at);
    });
}

}  // namespace tapedeck
