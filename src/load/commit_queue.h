#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "events/log.h"
#include "load/commit_once.h"
#include "market/record.h"
#include "store/store.h"
#include "tape/tape.h"

namespace tapedeck {

struct LoadSummary {
    std::int64_t messages = 0;
    std::int64_t rows = 0;
    std::int64_t absorbed = 0;
    std::int64_t duplicates = 0;
    std::int64_t dead_letters = 0;
    std::int64_t outcomes = 0;
    std::int64_t gaps = 0;  // messages that the tape no longer had
    std::int64_t batches = 0;
    std::int64_t fenced = 0;  // partitions left to somebody else
    // By how many offsets the ledger went back, as the store's server had lost commits: what they
    // hold is loaded again, and counted again above.
    std::int64_t taken_back = 0;
    std::int64_t refused = 0;  // partitions whose topic was made anew
};

// A batch of one partition on its way to the store, with what it borrows from.
struct BatchWork {
    std::shared_ptr<const Chunk> chunk;  // keeps the bytes alive; shared: its batches
    std::int64_t messages = 0;
    TextArena arena;
    Batch batch;
    std::uint64_t epoch = 0;  // of the partition's assignment

    const Batch::Advance& advance() const { return batch.advances[0]; }
};

// Commits batches on threads of its own, several at once, those of one partition in their order;
// one more waits. A large batch of prices may be written while the one before it is committed;
// where the two get into each other's way, it is rolled back and goes again in its turn. A commit
// is tried until it is made, or somebody else turns out to have loaded the partition, or the store
// says that waiting cannot help. The other functions are for the one thread that makes the batches.
class CommitQueue {
public:
    // Called after each commit, on the thread that made it; never twice at once.
    using OnCommitted = std::function<void(const Batch&, const Committed&)>;

    // `give_up_after`: failed tries of one commit, seconds apart; 0: never. All are borrowed.
    CommitQueue(Store& store, Clock& clock, Log& log, int give_up_after, OnCommitted committed);
    ~CommitQueue();

    void start(int threads);
    void finish();  // waits for the commits under way; what waits stays undone

    // Ends every wait soon: commits that fail are not tried again.
    void halt() { halted_.request_stop(); }
    // Asked to halt, or halted by an error.
    std::stop_token halted() const { return halted_.get_token(); }

    // Waits until a batch may be handed over, and frees those that are done with; false where an
    // error has ended the committing.
    bool wait_for_room();
    void hand_over(std::unique_ptr<BatchWork> work);
    // Waits until everything that was handed over is committed, or cannot be.
    void drain();
    // Something was handed over whose end `take_loaded` has not told yet.
    bool is_busy() const;
    Result<> failed() const;

    // The memory of a batch that is done with, for another; empty where there is none.
    BatchRows take_room();
    // How far partitions were loaded since the last call.
    std::map<TopicPartition, Offset> take_loaded();
    // The partitions whose ledger was not where a batch began, with the assignment that lost them:
    // no batch of it is committed any more.
    std::map<TopicPartition, std::uint64_t> lost() const;
    LoadSummary summary() const;

private:
    using Works = std::deque<std::unique_ptr<BatchWork>>;

    // A commit under way, and its order among those of its partition.
    struct Turn {
        const BatchWork& work;
        bool has_begun = false;
        bool has_failed = false;  // once or more

        const TopicPartition& at() const { return work.advance().at; }
    };

    void commit_loop(std::stop_token stop);
    Works::iterator next_work() TAPEDECK_REQUIRES(mutex_);
    bool may_begin(const BatchWork& work) const TAPEDECK_REQUIRES(mutex_);
    Result<> commit(Turn& turn);
    Result<> commit_in_turn(Turn& turn, bool may_be_ours);
    CommitOrder order_of(Turn& turn);
    CommitTurn reach(Turn& turn, CommitStep step);
    bool is_followed(const Turn& turn) const TAPEDECK_REQUIRES(mutex_);
    void stall(const Batch::Advance& advance, const std::string& what, bool is_new);
    void go_on(const Batch::Advance& advance);
    const Turn& first_of(const TopicPartition& at) const TAPEDECK_REQUIRES(mutex_);
    bool is_first(const Turn& turn) const TAPEDECK_REQUIRES(mutex_) {
        return &first_of(turn.at()) == &turn;
    }
    bool is_lost(const BatchWork& work) const TAPEDECK_REQUIRES(mutex_);
    Patience patience() const { return {.stop = halted_.get_token()}; }
    void lose(const BatchWork& work, const LedgerElsewhere& found);
    void tell(const BatchWork& work, const Committed& committed);

    Store& store_;
    Clock& clock_;
    Log& log_;
    const int give_up_after_;
    const OnCommitted on_committed_;
    Mutex committed_mutex_;  // held while on_committed_ is called

    mutable Mutex mutex_;
    Changed changed_;
    Works waiting_ TAPEDECK_GUARDED_BY(mutex_);
    std::list<Turn> committing_ TAPEDECK_GUARDED_BY(mutex_);  // in the order of their beginning
    int in_turn_ TAPEDECK_GUARDED_BY(mutex_) = 0;  // so many batches more are not begun early
    std::map<TopicPartition, std::uint64_t> lost_ TAPEDECK_GUARDED_BY(mutex_);
    std::map<TopicPartition, Offset> loaded_ TAPEDECK_GUARDED_BY(mutex_);
    Works spent_ TAPEDECK_GUARDED_BY(mutex_);  // done with
    std::optional<Error> error_ TAPEDECK_GUARDED_BY(mutex_);
    LoadSummary summary_ TAPEDECK_GUARDED_BY(mutex_);

    std::vector<BatchRows> rooms_;  // the batch-making thread's own
    std::stop_source halted_;
    std::vector<std::jthread> threads_;
};

}  // namespace tapedeck
