#include "load/commit_queue.h"

#include <algorithm>

#include "base/mutex.h"
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
        Lock lock(mutex_);
        changed_.wait(lock, [&]() TAPEDECK_REQUIRES(mutex_) {
            return error_ || waiting_.size() < kWaitingBatches;
        });
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
    const Lock lock(mutex_);
    waiting_.push_back(std::move(work));
    changed_.notify_all();
}

void CommitQueue::drain() {
    Lock lock(mutex_);
    changed_.wait(lock, [&]() TAPEDECK_REQUIRES(mutex_) {
        return error_ || (waiting_.empty() && committing_.empty());
    });
}

bool CommitQueue::is_busy() const {
    const Lock lock(mutex_);
    return !committing_.empty() || !waiting_.empty() || !loaded_.empty();
}

Result<> CommitQueue::failed() const {
    const Lock lock(mutex_);
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
    const Lock lock(mutex_);
    return std::exchange(loaded_, {});
}

std::map<TopicPartition, std::uint64_t> CommitQueue::lost() const {
    const Lock lock(mutex_);
    return lost_;
}

LoadSummary CommitQueue::summary() const {
    const Lock lock(mutex_);
    return summary_;
}

CommitQueue::Works::iterator CommitQueue::next_work() {
    return std::ranges::find_if(waiting_,
                                [&](const std::unique_ptr<BatchWork>& work)
                                    TAPEDECK_REQUIRES(mutex_) { return may_begin(*work); });
}

// Whether nobody is committing to its partition, or the batch may be written at the same time.
bool CommitQueue::may_begin(const BatchWork& work) const {
    const bool overlaps = in_turn_ == 0 && may_overlap(work.batch);
    return std::ranges::all_of(committing_, [&](const Turn& other) {
        if (other.at() != work.advance().at) return true;
        return overlaps && other.has_begun && !other.has_failed;
    });
}

void CommitQueue::commit_loop(std::stop_token stop) {
    Lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, stop,
                      [&]() TAPEDECK_REQUIRES(mutex_) { return next_work() != waiting_.end(); });
        const auto next = next_work();
        if (next == waiting_.end()) return;
        std::unique_ptr<BatchWork> work = std::move(*next);
        waiting_.erase(next);
        if (in_turn_ > 0) --in_turn_;
        const auto turn = committing_.insert(committing_.end(), Turn{*work});
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
    const CommitOrder order = order_of(turn);
    if (order.is_early) {
        const auto committed = store_.commit(turn.work.batch, order, {.stop = halted_.get_token()});
        if (committed) {
            tell(turn.work, *committed);
            return {};
        }
        Lock lock(mutex_);
        in_turn_ = kInTurnAfterGivingWay;
        changed_.wait(lock, [&]() TAPEDECK_REQUIRES(mutex_) { return is_first(turn); });
    }
    {
        const Lock lock(mutex_);
        if (error_ || is_lost(turn.work)) return {};
    }
    return commit_in_turn(turn, order.is_early);
}

// `may_be_ours`: an earlier try may have been made, and its answer lost.
Result<> CommitQueue::commit_in_turn(Turn& turn, bool may_be_ours) {
    const BatchWork& work = turn.work;
    const Batch::Advance& advance = work.advance();
    const auto began = clock_.steady();
    std::string stalled_by;
    CommitTries tries{give_up_after_, halted_.get_token(), may_be_ours};
    tries.failed = [&](const FailedTry& failed) {
        if (failed.number == 1 && failed.error.kind != ErrorKind::conflict) {
            log_.emit(Waiting{"store", failed.error.what});
        }
        const Lock lock(mutex_);
        turn.has_failed = true;
        changed_.notify_all();
    };
    tries.refused = [&](const FailedTry& failed) {
        if (stalled_by == failed.error.what) return;
        stall(advance, failed.error.what, stalled_by.empty());
        stalled_by = failed.error.what;
    };
    auto end = commit_once(store_, clock_, work.batch, order_of(turn), tries);
    if (!end) return end.error();
    if (const auto* found = std::get_if<LedgerElsewhere>(&*end)) {
        lose(work, *found);
        return {};
    }
    const auto& once = std::get<CommittedOnce>(*end);
    if (!once.was_there && !stalled_by.empty()) go_on(advance);
    if (!once.was_there && once.tries > 1) {
        log_.emit(Recovered{"store", (clock_.steady() - began).count() / 1000});
    }
    tell(work, once.counts);
    return {};
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

CommitOrder CommitQueue::order_of(Turn& turn) {
    const Lock lock(mutex_);
    return {!is_first(turn), [this, at = &turn](CommitStep step) { return reach(*at, step); }};
}

CommitTurn CommitQueue::reach(Turn& turn, CommitStep step) {
    Lock lock(mutex_);
    if (step == CommitStep::begun) {
        turn.has_begun = true;
        changed_.notify_all();
        return CommitTurn::last;
    }
    changed_.wait_for(lock, kPatience, [&]() TAPEDECK_REQUIRES(mutex_) {
        return is_first(turn) || first_of(turn.at()).has_failed;
    });
    if (!is_first(turn) || error_ || is_lost(turn.work)) return CommitTurn::missed;
    return is_followed(turn) ? CommitTurn::followed : CommitTurn::last;
}

bool CommitQueue::is_followed(const Turn& turn) const {
    const auto own = std::ranges::find(committing_, &turn, [](const Turn& one) { return &one; });
    return std::any_of(std::next(own), committing_.end(),
                       [&](const Turn& other) { return other.at() == turn.at(); }) ||
           std::ranges::any_of(waiting_,
                               [&](const auto& work) { return work->advance().at == turn.at(); });
}

// Behind the batch where the store's server lost what it had committed, elsewhere where somebody
// else loaded.
void CommitQueue::lose(const BatchWork& work, const LedgerElsewhere& found) {
    const Batch::Advance& advance = work.advance();
    const TopicPartition& at = advance.at;
    const std::int64_t back = advance.from.value() - found.ledger.value();
    if (back > 0) {
        log_.emit(LedgerWentBack{at.topic, at.partition.value(), found.ledger.value(),
                                 advance.from.value()});
    } else {
        log_.emit(PartitionFenced{at.topic, at.partition.value(), found.why});
    }
    const Lock lock(mutex_);
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
        const Lock lock(mutex_);
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
    const Lock lock(committed_mutex_);
    on_committed_(batch, committed);
}

}  // namespace tapedeck
