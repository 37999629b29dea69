#include "spark/range_loader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/sha256.h"
#include "load/resume.h"
#include "store/deployment.h"
#include "tape/tape_rules.h"

namespace tapedeck {

class RangeLoader::Work {
public:
    Work(RangeLoader& loader, const LoadRange& range, ChunkSource& source)
        : loader_(loader),
          range_(range),
          source_(source),
          maker_(loader.options_.topics, std::max<std::size_t>(1, loader.options_.batch.rows)),
          commits_(loader.store_, loader.clock_, loader.log_, loader.options_.give_up_after, {}) {}

    Result<RangeLoaded> run();

private:
    using SharedChunk = std::shared_ptr<const Chunk>;

    Result<> begin();
    Result<LedgerEntry> ledger();
    Result<SharedChunk> next_chunk();
    Result<> check(const Chunk& chunk) const;
    Result<> look_at_passed(const SharedChunk& chunk);
    Result<> compare_last();
    void hand_over(const SharedChunk& chunk);
    void pass_over_rest();
    void forget_loaded();
    bool is_lost() const;
    Result<> return_to_ledger();
    Result<bool> settle();

    RangeLoader& loader_;
    const LoadRange& range_;
    ChunkSource& source_;
    BatchMaker maker_;
    LedgerEntry entry_;             // as it was found at the beginning
    Offset from_;                   // of the next batch
    Offset read_;                   // up to here, or a later message, the source has been read
    std::uint64_t epoch_ = 1;       // one more each time that somebody else was faster
    ChunkSize last_size_;           // of the last chunk
    bool has_compared_ = true;      // the last loaded message, or there is none to compare
    std::optional<Offset> passed_;  // the last message before the ledger, and its digest
    Sha256 passed_digest_{};
    std::deque<SharedChunk> handed_;  // not known to be loaded: kept, lest the ledger is behind
    std::deque<SharedChunk> again_;   // of those, to be gone through once more
    CommitQueue commits_;             // last: its threads end before what they borrow
};

Result<RangeLoaded> RangeLoader::load(const LoadRange& range, ChunkSource& source) {
    stopped_at_ = std::nullopt;
    return Work(*this, range, source).run();
}

Result<RangeLoaded> RangeLoader::Work::run() {
    if (auto begun = begin(); !begun) return begun.error();
    commits_.start(loader_.options_.committers);
    for (;;) {
        const auto chunk = next_chunk();
        if (!chunk) {
            commits_.halt();
            return chunk.error();
        }
        if (*chunk) {
            if (auto same = look_at_passed(*chunk); !same) {
                commits_.halt();
                return same.error();
            }
            hand_over(*chunk);
            if (!commits_.failed()) return commits_.failed().error();
            if (!is_lost()) continue;
            if (auto back = return_to_ledger(); !back) return back.error();
            continue;
        }
        if (auto same = compare_last(); !same) return same.error();
        const auto is_settled = settle();
        if (!is_settled) return is_settled.error();
        if (*is_settled) break;
    }
    commits_.finish();
    return RangeLoaded{std::max(from_, range_.until), commits_.summary()};
}

// A store that is away is waited for as long as a commit would be.
Result<LedgerEntry> RangeLoader::Work::ledger() {
    const std::vector<TopicPartition> stored{loader_.options_.label.at(range_.at)};
    for (int tries = 1;; ++tries) {
        auto found = loader_.store_.ledger(stored);
        if (found) return found->front();
        const bool give_up =
            loader_.options_.give_up_after > 0 && tries >= loader_.options_.give_up_after;
        if (!retryable(found.error().kind) || give_up) return found.error();
        loader_.clock_.sleep_until(loader_.clock_.now() + std::chrono::seconds(1), {});
    }
}

Result<> RangeLoader::Work::begin() {
    auto found = ledger();
    if (!found) return found.error();
    entry_ = *std::move(found);
    from_ = entry_.next;
    read_ = range_.from;
    if (from_ < range_.from) {
        loader_.stopped_at_ = from_;
        return Error{ErrorKind::conflict,
                     fmt::format("the ledger of {} stands at {}, below {} where the messages that "
                                 "were brought begin: loading has to begin again at the ledger",
                                 to_string(range_.at), from_.value(), range_.from.value())};
    }
    has_compared_ = !entry_.last_digest || from_ > range_.until;
    const auto topic =
        std::ranges::find(loader_.options_.topics, range_.at.topic, &LoadedTopic::topic);
    if (topic == loader_.options_.topics.end()) {
        return Error{ErrorKind::rejected,
                     fmt::format("the topic {} is none of those that are loaded", range_.at.topic)};
    }
    if (topic->table) return {};
    auto owner = AccountOwner::read(loader_.store_);
    if (!owner) return owner.error();
    maker_.set_owner(*std::move(owner));
    return {};
}

// Null at the end of the source.
Result<RangeLoader::Work::SharedChunk> RangeLoader::Work::next_chunk() {
    if (!again_.empty()) {
        SharedChunk chunk = std::move(again_.front());
        again_.pop_front();
        return chunk;
    }
    auto read = source_.next(bytes_to_read(loader_.options_.batch, last_size_));
    if (!read) return read.error();
    if (!*read) return SharedChunk();
    if (auto fits = check(**read); !fits) return fits.error();
    read_ = (*read)->next;
    return std::make_shared<const Chunk>(*std::move(*read));
}

Result<> RangeLoader::Work::check(const Chunk& chunk) const {
    TAPEDECK_ASSERT(!chunk.messages.empty());
    if (chunk.at != range_.at) {
        return Error{ErrorKind::rejected, fmt::format("a message of {} is among those of {}",
                                                      to_string(chunk.at), to_string(range_.at))};
    }
    Offset least = read_;
    for (const TapeMessage& message : chunk.messages) {
        if (message.offset < least || message.offset >= range_.until) {
            return Error{ErrorKind::rejected,
                         fmt::format("the message of {} at {} is out of order, or not in [{}, {})",
                                     to_string(range_.at), message.offset.value(),
                                     range_.from.value(), range_.until.value())};
        }
        least = next(message.offset);
    }
    return {};
}

// Of what the ledger has passed, the last message is the one whose digest it holds.
Result<> RangeLoader::Work::look_at_passed(const SharedChunk& chunk) {
    if (has_compared_) return {};
    const auto first = std::ranges::find_if(
        chunk->messages, [&](const TapeMessage& one) { return one.offset >= entry_.next; });
    if (first != chunk->messages.begin()) {
        const TapeMessage& last = *std::prev(first);
        passed_ = last.offset;
        passed_digest_ = sha256(last.value);
    }
    return first == chunk->messages.end() ? Result<>() : compare_last();
}

Result<> RangeLoader::Work::compare_last() {
    if (std::exchange(has_compared_, true) || !passed_) return {};
    if (passed_digest_ == *entry_.last_digest) return {};
    loader_.stopped_at_ = entry_.next;
    return Error{ErrorKind::rejected, other_message_at(range_.at, *passed_, *entry_.last_digest)};
}

void RangeLoader::Work::hand_over(const SharedChunk& whole) {
    forget_loaded();
    const auto first = std::ranges::find_if(
        whole->messages, [&](const TapeMessage& one) { return one.offset >= from_; });
    if (first == whole->messages.end()) return;
    Chunk rest{whole->at, from_, whole->next, {first, whole->messages.end()}, whole->backing};
    const auto chunk = std::make_shared<const Chunk>(std::move(rest));
    handed_.push_back(chunk);
    last_size_ = {chunk->messages.size(), 0, 0};
    for (const TapeMessage& message : chunk->messages) last_size_.bytes += message.value.size();
    for (std::size_t index = 0; index < chunk->messages.size();) {
        if (!commits_.wait_for_room()) return;
        auto work = std::make_unique<BatchWork>();
        work->epoch = epoch_;
        work->chunk = chunk;
        const std::size_t before = index;
        work->batch = maker_.make(*chunk, from_, index, work->arena, commits_.take_room());
        work->messages = static_cast<std::int64_t>(index - before);
        from_ = work->advance().to;
        loader_.options_.label.stamp(work->batch);
        loader_.store_.prepare(work->batch);
        for (const BatchRows& rows : work->batch.rows) last_size_.rows += rows.records.size();
        commits_.hand_over(std::move(work));
    }
}

// The range's last offsets may be marks of transactions: they are passed over, so that they are
// neither a lag for ever nor, once retention has taken them, a gap.
void RangeLoader::Work::pass_over_rest() {
    if (from_ >= range_.until || !commits_.wait_for_room()) return;
    auto work = std::make_unique<BatchWork>();
    work->epoch = epoch_;
    work->batch.advances.push_back({range_.at, from_, range_.until, std::nullopt, std::nullopt});
    loader_.options_.label.stamp(work->batch);
    from_ = range_.until;
    commits_.hand_over(std::move(work));
}

void RangeLoader::Work::forget_loaded() {
    for (const auto& [at, loaded] : commits_.take_loaded()) {
        while (!handed_.empty() && handed_.front()->next <= loaded) handed_.pop_front();
    }
}

bool RangeLoader::Work::is_lost() const {
    const auto lost = commits_.lost();
    return std::ranges::any_of(lost, [&](const auto& one) { return one.second >= epoch_; });
}

// Somebody else was faster, or the store's server has lost commits: from where the ledger is now,
// as far back as the messages are still at hand.
Result<> RangeLoader::Work::return_to_ledger() {
    commits_.drain();
    if (auto done = commits_.failed(); !done) return done;
    forget_loaded();
    const auto now = ledger();
    if (!now) return now.error();
    const Offset oldest = handed_.empty() ? read_ : handed_.front()->from;
    if (now->next < oldest) {
        loader_.stopped_at_ = now->next;
        const bool is_below = now->next < range_.from;
        return Error{is_below ? ErrorKind::conflict : ErrorKind::unavailable,
                     fmt::format("the ledger of {} went back to {} while messages up to {} were "
                                 "loaded: {}",
                                 to_string(range_.at), now->next.value(), read_.value(),
                                 is_below ? "loading has to begin again at the ledger"
                                          : "the range has to be brought again")};
    }
    ++epoch_;
    from_ = now->next;
    again_.insert(again_.begin(), handed_.begin(), handed_.end());
    handed_.clear();
    return {};
}

// Whether everything is loaded and on the disk; false where a part has to be gone through again.
Result<bool> RangeLoader::Work::settle() {
    pass_over_rest();
    commits_.drain();
    if (auto done = commits_.failed(); !done) return done.error();
    if (!is_lost()) return true;
    if (auto back = return_to_ledger(); !back) return back.error();
    return false;
}

}  // namespace tapedeck
