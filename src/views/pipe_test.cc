#include "views/pipe.h"

#include "store/tape_label.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using parts::kSlot;

TEST(PipeStatus, TellsOfEachPartitionWhatWasLoadedWithinTheLastMinute) {
    ManualClock clock(kSlot);
    const auto store = parts::store_in_memory(clock);
    MemoryTape tape;
    ASSERT_TRUE(tape.ensure_topic("coin_topic", 3));
    const std::vector<TopicPartition> partitions{
        {"coin_topic", Partition(0)}, {"coin_topic", Partition(1)}, {"coin_topic", Partition(2)}};
    ASSERT_TRUE(adopt_tape(*store, *tape.identity(), "memory", clock.now()));
    ASSERT_TRUE(store->ledger(partitions));
    const auto load = [&](std::size_t at, std::int64_t from, std::int64_t to) {
        Batch batch;
        batch.advances.push_back({partitions[at], Offset(from), Offset(to), kSlot, sha256("last")});
        ASSERT_TRUE(store->commit(batch));
    };
    load(0, 0, 7);
    clock.advance(50s);
    load(0, 7, 10);
    load(1, 0, 4);
    clock.advance(15s);
    load(0, 10, 11);

    const std::vector<std::string> topics{"coin_topic"};
    const auto pipe = read_pipe(*store, tape, topics, clock.now());
    ASSERT_TRUE(pipe) << pipe.error().what;
    ASSERT_EQ(pipe->partitions.size(), 3U);
    EXPECT_EQ(pipe->partitions[0].messages_last_minute, 4) << "the first batch is older";
    EXPECT_EQ(pipe->partitions[0].last_commit, clock.now());
    EXPECT_EQ(pipe->partitions[1].messages_last_minute, 4);
    EXPECT_EQ(pipe->partitions[1].last_commit, clock.now() - 15s);
    EXPECT_EQ(pipe->partitions[2].messages_last_minute, 0);
    EXPECT_FALSE(pipe->partitions[2].last_commit);
    EXPECT_EQ(pipe->last_commit, clock.now());
}

}  // namespace
}  // namespace tapedeck
