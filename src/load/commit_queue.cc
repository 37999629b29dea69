#include "load/commit_queue.h"

#include <algorithm>

#include "events/recording.h"
#include "load/stalls.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kWaitingBatches = 1;
constexpr std::size_t kRooms = 3;  // kept: for the batch that is made, and those that wait

constexpr std::size_t kRowsWorthIt = 1000;  // of another transaction at the same time
// The batch before may be waiting for a key that a later one has written.
constexpr auto kPatience = 100ms;
constexpr int kInTurnAfterGivingWay = 256;  // batches
constexpr std::chrono::milliseconds kNoting = 2s;

// Outcomes change what others have written: they keep to their order.
bool may_overlap(const Batch& batch) {
    std::size_t rows = 0;
    for (const BatchRows& of : batch.rows) rows += of.records.size();
    return rows >= kRowsWorthIt && batch.outcomes.empty() && batch.gaps.empty();
}

}  // namespace

CommitQueue::CommitQueue(Store& store, Clock& clock, Log& log, int give_up_after,
                         OnCommitted committed)
    : store_(store),
      clock_(clock),
      log_(log),
      give_up_after_(give_up_after),
      on_committed_(std::move(committed)) {}

CommitQueue::~CommitQueue() { finish(); }

void CommitQueue::start(int threads) {
    for (int i = 0; i < threads; ++i) {
        threads_.emplace_back([this](std::stop_token stop) { commit_loop(stop); });
    }
}

void CommitQueue::finish() {
    for (std::jthread& thread : threads_) thread.request_stop();
    threads_.clear();  // joined
}

bool CommitQueue::wait_for_room() {
    Works spent;  // freed here, and not between two commits
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return error_ || waiting_.size() < kWaitingBatches; });
        spent.swap(spent_);
        if (error_) return false;
    }
    for (const std::unique_ptr<BatchWork>& work : spent) {
        for (BatchRows& room : work->batch.rows) {
            if (rooms_.size() < kRooms) rooms_.push_back(std::move(room));
        }
    }
    return true;
}

void CommitQueue::hand_over(std::unique_ptr<BatchWork> work) {
    if (!wait_for_room()) return;  // the caller's thread alone fills the room
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
    changed_.notify_all();
}

void CommitQueue::drain() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return error_ || (waiting_.empty() && committing_.empty()); });
}

bool CommitQueue::is_busy() const {
    const std::lock_guard lock(mutex_);
    return !committing_.empty() || !waiting_.empty() || !loaded_.empty();
}

Result<> CommitQueue::failed() const {
    const std::lock_guard lock(mutex_);
    if (error_) return *error_;
    return {};
}

BatchRows CommitQueue::take_room() {
    if (rooms_.empty()) return {};
    BatchRows room = std::move(rooms_.back());
    rooms_.pop_back();
    return room;
}

std::map<TopicPartition, Offset> CommitQueue::take_loaded() {
    const std::lock_guard lock(mutex_);
    return std::exchange(loaded_, {});
}

std::map<TopicPartition, std::uint64_t> CommitQueue::lost() const {
    const std::lock_guard lock(mutex_);
    return lost_;
}

LoadSummary CommitQueue::summary() const {
    const std::lock_guard lock(mutex_);
    return summary_;
}

CommitQueue::Works::iterator CommitQueue::next_work() {
    return std::ranges::find_if(
        waiting_, [&](const std::unique_ptr<BatchWork>& work) { return may_begin(*work); });
}

// Whether nobody is committing to its partition, or the batch may be written at the same time.
bool CommitQueue::may_begin(const BatchWork& work) const {
    const bool overlaps = in_turn_ == 0 && may_overlap(work.batch);
    return std::ranges::all_of(committing_, [&](const Turn& other) {
        if (other.at() != work.advance().at) return true;
        return overlaps && other.has_begun_ && !other.has_failed_;
    });
}

void CommitQueue::commit_loop(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, stop, [&] { return next_work() != waiting_.end(); });
        const auto next = next_work();
        if (next == waiting_.end()) return;
        std::unique_ptr<BatchWork> work = std::move(*next);
        waiting_.erase(next);
        if (in_turn_ > 0) --in_turn_;
        const auto turn = committing_.emplace(committing_.end(), *this, *work);
        changed_.notify_all();
        lock.unlock();
        const auto done = commit(*turn);
        lock.lock();  // until the next is taken: nobody need be woken for it
        committing_.erase(turn);
        if (!done && !error_) {
            error_ = done.error();
            waiting_.clear();
            halted_.request_stop();
        }
        changed_.notify_all();
        spent_.push_back(std::move(work));
    }
}

Result<> CommitQueue::commit(Turn& turn) {
    const bool was_early = turn.is_early();
    if (was_early) {
        const auto committed = store_.commit(turn.work_.batch, turn, patience());
        if (committed) {
            tell(turn.work_, *committed);
            return {};
        }
        std::unique_lock lock(mutex_);
        in_turn_ = kInTurnAfterGivingWay;
        changed_.wait(lock, [&] { return is_first(turn); });
    }
    {
        const std::lock_guard lock(mutex_);
        if (error_ || is_lost(turn.work_)) return {};
    }
    return commit_in_turn(turn, was_early);
}

// `may_be_ours`: an earlier try may have been made, and its answer lost.
Result<> CommitQueue::commit_in_turn(Turn& turn, bool may_be_ours) {
    const BatchWork& work = turn.work_;
    const Batch::Advance& advance = work.advance();
    const auto began = clock_.steady();
    std::string stalled_by;
    for (int tries = 1;; ++tries) {
        const auto committed = store_.commit(work.batch, turn, patience());
        if (committed) {
            if (!stalled_by.empty()) go_on(advance);
            if (tries > 1) {
                log_.emit(Recovered{"store", (clock_.steady() - began).count() / 1000});
            }
            tell(work, *committed);
            return {};
        }
        const Error& error = committed.error();
        const bool is_conflict = error.kind == ErrorKind::conflict;
        if (!is_conflict && !retryable(error.kind)) {
            return in_context("loading " + to_string(advance.at), error);
        }
        if (!is_conflict && tries == 1) log_.emit(Waiting{"store", error.what});
        {
            const std::lock_guard lock(mutex_);
            turn.has_failed_ = true;
            changed_.notify_all();
        }
        // Was it committed before the connection broke, by this try or one before? The ledger says.
        may_be_ours = may_be_ours || !is_conflict;
        const auto ledger = ledger_of(advance.at);
        if (may_be_ours && ledger && ledger->next == advance.to &&
            (!advance.last_digest || ledger->last_digest == advance.last_digest)) {
            tell(work, Committed{});
            return {};
        }
        // It answers, and takes nothing: a person may have to mend something.
        if (!is_conflict && ledger && tries > 1 && stalled_by != error.what) {
            stall(advance, error.what, stalled_by.empty());
            stalled_by = error.what;
        }
        if (is_conflict && ledger) {
            lose(work, ledger->next, error.what);
            return {};
        }
        if (!ledger && ledger.error().kind == ErrorKind::conflict) continue;  // commit says so too
        if (!ledger && !retryable(ledger.error().kind)) return ledger.error();
        const bool give_up = give_up_after_ > 0 && tries >= give_up_after_;
        if (give_up || halted_.stop_requested()) return is_conflict ? ledger.error() : error;
        clock_.sleep_until(clock_.now() + 1s, halted_.get_token());
    }
}

// What the store says is kept in it, for `status` and for the problems that are told of.
void CommitQueue::stall(const Batch::Advance& advance, const std::string& what, bool is_new) {
    if (is_new) {
        log_.emit(PartitionStalled{advance.at.topic, advance.at.partition.value(),
                                   advance.from.value(), what});
    }
    const auto noted = note_stall(store_, {advance.at, advance.from, what}, clock_.now(),
                                  {.limit = kNoting, .stop = halted_.get_token()});
    static_cast<void>(noted);  // it was told of, and is written when its words change
}

void CommitQueue::go_on(const Batch::Advance& advance) {
    const auto ended =
        end_stall(store_, advance.at, {.limit = kNoting, .stop = halted_.get_token()});
    static_cast<void>(ended);  // the ledger has passed it
}

// The earliest of the commits under way to the partition; there is one.
const CommitQueue::Turn& CommitQueue::first_of(const TopicPartition& at) const {
    return *std::ranges::find(committing_, at, &Turn::at);
}

bool CommitQueue::is_lost(const BatchWork& work) const {
    const auto lost = lost_.find(work.advance().at);
    return lost != lost_.end() && work.epoch <= lost->second;
}

bool CommitQueue::Turn::is_early() const {
    const std::lock_guard lock(queue_.mutex_);
    return !queue_.is_first(*this);
}

void CommitQueue::Turn::begun() const {
    const std::lock_guard lock(queue_.mutex_);
    has_begun_ = true;
    queue_.changed_.notify_all();
}

bool CommitQueue::Turn::wait_for_turn() const {
    std::unique_lock lock(queue_.mutex_);
    queue_.changed_.wait_for(lock, kPatience, [&] {
        return queue_.is_first(*this) || queue_.first_of(at()).has_failed_;
    });
    return queue_.is_first(*this) && !queue_.error_ && !queue_.is_lost(work_);
}

bool CommitQueue::Turn::is_followed() const {
    const std::lock_guard lock(queue_.mutex_);
    const auto is_next = [&](const TopicPartition& other) { return other == at(); };
    const auto own =
        std::ranges::find(queue_.committing_, this, [](const Turn& turn) { return &turn; });
    return std::any_of(std::next(own), queue_.committing_.end(),
                       [&](const Turn& turn) { return is_next(turn.at()); }) ||
           std::ranges::any_of(queue_.waiting_,
                               [&](const auto& work) { return is_next(work->advance().at); });
}

Result<LedgerEntry> CommitQueue::ledger_of(const TopicPartition& at) {
    const std::vector<TopicPartition> partitions{at};
    auto ledger = store_.ledger(partitions, patience());
    if (!ledger) return ledger.error();
    return ledger->front();
}

// The ledger is not where the batch begins: behind it where the store's server lost what it had
// committed, elsewhere where somebody else loaded.
void CommitQueue::lose(const BatchWork& work, Offset ledger, std::string_view why) {
    const Batch::Advance& advance = work.advance();
    const TopicPartition& at = advance.at;
    const std::int64_t back = advance.from.value() - ledger.value();
    if (back > 0) {
        log_.emit(
            LedgerWentBack{at.topic, at.partition.value(), ledger.value(), advance.from.value()});
    } else {
        log_.emit(PartitionFenced{at.topic, at.partition.value(), why});
    }
    const std::lock_guard lock(mutex_);
    lost_[at] = work.epoch;
    if (back > 0) {
        summary_.taken_back += back;
    } else {
        ++summary_.fenced;
    }
}

void CommitQueue::tell(const BatchWork& work, const Committed& committed) {
    const Batch& batch = work.batch;
    const Batch::Advance& advance = work.advance();
    log_.emit(BatchLoaded{advance.at.topic, advance.at.partition.value(), advance.from.value(),
                          advance.to.value(), committed.rows, committed.absorbed,
                          committed.duplicates, committed.dead_letters});
    if (!batch.dead_letters.empty()) {
        const DeadLetter& first = batch.dead_letters.front();
        log_.emit(
            MessagesUnreadable{first.at.topic, first.at.partition.value(), first.offset.value(),
                               static_cast<std::int64_t>(batch.dead_letters.size()), first.reason});
    }
    if (committed.first_refused) {
        log_.emit(RecordsRefused{advance.at.topic, advance.at.partition.value(),
                                 committed.first_refused->offset.value(), committed.refused,
                                 committed.first_refused->reason});
    }
    {
        const std::lock_guard lock(mutex_);
        summary_.messages += work.messages;
        summary_.rows += committed.rows;
        summary_.absorbed += committed.absorbed;
        summary_.duplicates += committed.duplicates;
        summary_.dead_letters += committed.dead_letters;
        summary_.outcomes += static_cast<std::int64_t>(batch.outcomes.size());
        for (const TapeGap& gap : batch.gaps) summary_.gaps += gap.to.value() - gap.from.value();
        ++summary_.batches;
        loaded_[advance.at] = advance.to;
    }
    if (!on_committed_) return;
    const std::lock_guard lock(committed_mutex_);
    on_committed_(batch, committed);
}

}  // namespace tapedeck
