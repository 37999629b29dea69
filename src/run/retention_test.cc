#include "run/retention.h"

#include "tests/crash/faults.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using parts::kSlot;

const TopicPartition kAt{"coin_topic", Partition(0)};

// A store whose server crashes as soon as it has told its ledger, and comes back with an older one.
class RelapsingStore : public FaultyStore {
public:
    RelapsingStore(Store& inner, Calls& calls) : FaultyStore(inner, calls), store_(inner) {}

    Result<> query(const Statement& statement, const RowSink& sink,
                   const Patience& patience) override {
        auto done = FaultyStore::query(statement, sink, patience);
        const std::vector<Statement> back{{"update offsets set next_offset = 1", {}, {}}};
        EXPECT_TRUE(store_.transact(back));
        return done;
    }

private:
    Store& store_;
};

class RetentionTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(tape_.ensure_topic(kAt.topic, 1));
        const std::vector<OutgoingMessage> messages(4, {kAt.topic, "bitcoin", "{}", kSlot, {}});
        ASSERT_TRUE(tape_.append(messages));
        Batch batch;
        batch.advances = {{kAt, Offset(0), Offset(4), kSlot, {}}};
        const std::vector<TopicPartition> partitions{kAt};
        ASSERT_TRUE(store_->ledger(partitions));
        ASSERT_TRUE(store_->commit(batch));
    }
    Offset earliest() {
        const auto extent = tape_.extent(kAt);
        EXPECT_TRUE(extent);
        return extent ? extent->earliest : Offset(-1);
    }

    parts::SkippingClock clock_{kSlot};
    MemoryTape tape_;
    std::unique_ptr<Store> store_ = parts::store_in_memory(clock_);
    const Timestamp later_ = kSlot + std::chrono::hours(1);
};

TEST_F(RetentionTest, DiscardsWhatIsLoadedAndOldButTheLastMessage) {
    ASSERT_TRUE(discard_loaded(tape_, *store_, kSlot));
    EXPECT_EQ(earliest(), Offset(0)) << "nothing was old";
    ASSERT_TRUE(discard_loaded(tape_, *store_, later_));
    EXPECT_EQ(earliest(), Offset(3));
}

TEST_F(RetentionTest, DiscardsNothingThatACrashedStoreMustLoadAgain) {
    Calls calls;
    RelapsingStore relapsing(*store_, calls);
    ASSERT_TRUE(discard_loaded(tape_, relapsing, later_));
    EXPECT_EQ(earliest(), Offset(0));
}

}  // namespace
}  // namespace tapedeck
