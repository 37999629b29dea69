#include "load/commit_queue.h"

#include <condition_variable>
#include <functional>
#include <mutex>

#include "store/batch_rules.h"
#include "tests/crash/faults.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMessages = 1000;  // of a batch: enough to be begun early
const TopicPartition kAt{"coin_topic", Partition(0)};

// A store that writes ahead: its rows are "written" at once, and the batch committed in its turn.
// What happens in between is up to the test.
class WritingAhead : public FaultyStore {
public:
    struct Try {
        std::int64_t batch;  // counted from 0
        int number;          // from 1
        const CommitOrder& order;
        bool is(std::int64_t of, int its) const { return batch == of && number == its; }
        bool is_followed() const { return order.at(CommitStep::written) == CommitTurn::followed; }
    };
    using Step = std::function<std::optional<Error>(const Try&)>;

    WritingAhead(Store& inner, Calls& calls) : FaultyStore(inner, calls) {}

    Result<Committed> commit(const Batch& batch, const CommitOrder& order,
                             const Patience& patience) override {
        const std::int64_t at = batch.advances[0].from.value() / kMessages;
        const Try now{at, count_try(at, order.is_early), order};
        order.at(CommitStep::begun);
        if (before) {
            if (auto error = before(now)) return *error;
        }
        if (order.at(CommitStep::written) == CommitTurn::missed) {
            note([&] { gave_way_.insert(at); });
            return out_of_turn();
        }
        auto done = FaultyStore::commit(batch, {}, patience);
        if (done && after) {
            if (auto error = after(now)) return *error;
        }
        return done;
    }

    // Whether it came to that; false after some seconds.
    bool wait_until_begun(std::int64_t batch) {
        return wait([&] { return tries_.contains(batch); });
    }
    bool wait_until_gave_way(std::int64_t batch) {
        return wait([&] { return gave_way_.contains(batch); });
    }
    int tries(std::int64_t batch) {
        const std::lock_guard lock(mutex_);
        return tries_[batch];
    }
    std::set<std::int64_t> early() {
        const std::lock_guard lock(mutex_);
        return early_;
    }

    Step before;  // the ledger is moved
    Step after;   // it was committed

private:
    int count_try(std::int64_t batch, bool is_early) {
        int number = 0;
        note([&] {
            number = ++tries_[batch];
            if (is_early) early_.insert(batch);
        });
        return number;
    }
    template <class What>
    void note(const What& what) {
        const std::lock_guard lock(mutex_);
        what();
        changed_.notify_all();
    }
    template <class What>
    bool wait(const What& what) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 10s, what);
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::int64_t, int> tries_;
    std::set<std::int64_t> early_, gave_way_;
};

class CommitQueueTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(inner->ensure_table(kTable));
        const std::vector<TopicPartition> partitions{kAt};
        ASSERT_TRUE(inner->ledger(partitions));
        queue.start(2);
    }

    // `messages` of a coin each, from the end of the batch before.
    std::unique_ptr<BatchWork> batch(std::int64_t messages = kMessages) {
        auto work = std::make_unique<BatchWork>();
        work->messages = messages;
        BatchRows rows{kTable, 0, {}, {}, {}};
        for (std::int64_t i = 0; i < messages; ++i) {
            Record record;
            record.name = record.instrument = "bitcoin";
            record.price = *Decimal::parse("1");
            rows.records.push_back(record);
            rows.offsets.emplace_back(next_ + i);
            rows.timestamps.push_back(parts::kSlot);
        }
        work->batch.advances.push_back({kAt, Offset(next_), Offset(next_ + messages), parts::kSlot,
                                        sha256(std::to_string(next_))});
        work->batch.rows.push_back(std::move(rows));
        next_ += messages;
        return work;
    }

    void commit(int batches) {
        for (int i = 0; i < batches; ++i) queue.hand_over(batch());
        queue.drain();
    }

    std::int64_t rows() {
        std::int64_t count = -1;
        EXPECT_TRUE(inner->query({"select count(*) from coin_records", {}, {}},
                                 [&](const RowView& row) -> Result<> {
                                     count = row.integer(0);
                                     return {};
                                 }));
        return count;
    }

    const PriceTable kTable{"coin_records", RecordForm::coin};
    parts::SkippingClock clock{parts::kSlot};
    Log log{-1, LogFormat::text, Severity::error, clock};
    std::unique_ptr<Store> inner = parts::store_in_memory(clock);
    Calls calls;
    WritingAhead store{*inner, calls};
    std::vector<Offset> told;
    CommitQueue queue{store, clock, log, 3, [this](const Batch& batch, const Committed&) {
                          told.push_back(batch.advances[0].to);
                      }};

private:
    std::int64_t next_ = 0;
};

TEST_F(CommitQueueTest, WritesABatchWhileTheOneBeforeIsCommitted) {
    bool overlapped = false;
    store.before = [&](const WritingAhead::Try& now) -> std::optional<Error> {
        if (now.batch == 0) overlapped = store.wait_until_begun(1) && now.is_followed();
        return std::nullopt;
    };
    commit(3);
    EXPECT_TRUE(overlapped);
    EXPECT_EQ(told, (std::vector<Offset>{Offset(1000), Offset(2000), Offset(3000)}));
    EXPECT_EQ(rows(), 3000);
    EXPECT_EQ(queue.summary().fenced, 0);
}

TEST_F(CommitQueueTest, GivesWayToTheBatchBeforeWhichWaitsForIt) {
    bool gave_way = false;
    store.before = [&](const WritingAhead::Try& now) -> std::optional<Error> {
        if (now.batch == 0) gave_way = store.wait_until_gave_way(1);
        return std::nullopt;
    };
    commit(20);
    EXPECT_TRUE(gave_way);
    EXPECT_EQ(told.size(), 20U);
    EXPECT_EQ(rows(), 20'000);
    EXPECT_EQ(store.tries(1), 2);
    // The next may have begun in the moment between; those after keep to their turn.
    EXPECT_LE(*store.early().rbegin(), 2);
}

TEST_F(CommitQueueTest, GivesWayAtOnceWhereTheBatchBeforeFails) {
    store.before = [&](const WritingAhead::Try& now) -> std::optional<Error> {
        if (now.is(0, 1)) {
            EXPECT_TRUE(store.wait_until_begun(1));
            return Error{ErrorKind::unavailable, "away"};
        }
        if (now.batch == 0) {
            EXPECT_TRUE(store.wait_until_gave_way(1));
        }
        return std::nullopt;
    };
    commit(2);
    EXPECT_EQ(told, (std::vector<Offset>{Offset(1000), Offset(2000)}));
    EXPECT_EQ(rows(), 2000);
    EXPECT_EQ(store.tries(0), 2);
}

TEST_F(CommitQueueTest, CommitsNothingBehindABatchThatWasFenced) {
    store.before = [&](const WritingAhead::Try& now) -> std::optional<Error> {
        if (now.batch != 0) return std::nullopt;
        EXPECT_TRUE(store.wait_until_begun(1));
        Batch rivals;  // as far as the second batch begins: its guard alone would let it pass
        rivals.advances = {{kAt, Offset(0), Offset(1000), {}, {}}};
        EXPECT_TRUE(inner->commit(rivals));
        return std::nullopt;
    };
    commit(2);
    EXPECT_TRUE(told.empty());
    EXPECT_EQ(rows(), 0);
    EXPECT_EQ(queue.summary().fenced, 1);
    EXPECT_EQ(queue.lost().size(), 1U);
    EXPECT_EQ(store.tries(1), 1);
}

TEST_F(CommitQueueTest, FindsAnEarlyCommitWhoseAnswerWasLostInTheLedger) {
    store.before = [&](const WritingAhead::Try& now) -> std::optional<Error> {
        if (now.batch == 0) {
            EXPECT_TRUE(store.wait_until_begun(1));
        }
        return std::nullopt;
    };
    store.after = [&](const WritingAhead::Try& now) -> std::optional<Error> {
        if (now.is(1, 1)) {
            return Error{ErrorKind::unavailable, "cut at the commit"};
        }
        return std::nullopt;
    };
    commit(3);
    EXPECT_EQ(store.early().count(1), 1U);
    EXPECT_EQ(told, (std::vector<Offset>{Offset(1000), Offset(2000), Offset(3000)}));
    EXPECT_EQ(rows(), 3000);
    EXPECT_EQ(queue.summary().fenced, 0);
    EXPECT_EQ(store.tries(1), 2);
}

TEST_F(CommitQueueTest, CommitsNothingBehindABatchThatIsRefused) {
    store.before = [&](const WritingAhead::Try& now) -> std::optional<Error> {
        if (now.batch != 0) return std::nullopt;
        EXPECT_TRUE(store.wait_until_begun(1));
        return Error{ErrorKind::rejected, "no such table"};
    };
    commit(2);
    EXPECT_TRUE(told.empty());
    EXPECT_EQ(rows(), 0);
    ASSERT_FALSE(queue.failed());
    EXPECT_EQ(queue.failed().error().kind, ErrorKind::rejected);
}

TEST_F(CommitQueueTest, KeepsSmallBatchesAndOutcomesToTheirTurn) {
    store.before = [&](const WritingAhead::Try& now) -> std::optional<Error> {
        // The next one waits in the queue; a thread that may take it is idle.
        for (int i = 0; now.batch < 2 && i < 10'000 && !now.is_followed(); ++i) {
            std::this_thread::sleep_for(1ms);
        }
        if (now.batch < 2) std::this_thread::sleep_for(20ms);
        return std::nullopt;
    };
    queue.hand_over(batch());
    auto outcomes = batch();
    outcomes->batch.outcomes.emplace_back();
    outcomes->batch.outcomes.back().at = kAt;
    queue.hand_over(std::move(outcomes));
    queue.hand_over(batch(10));
    queue.drain();
    EXPECT_EQ(told.size(), 3U);
    EXPECT_EQ(store.early(), std::set<std::int64_t>());
}

}  // namespace
}  // namespace tapedeck
