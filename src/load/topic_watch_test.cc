#include "load/topic_watch.h"

#include <gtest/gtest.h>

#include "tape/memory_tape.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

class TopicWatchTest : public ::testing::Test {
protected:
    void SetUp() override { fill("old"); }
    // The topic, with messages from offset 0 on.
    void fill(const std::string& value, int messages = 5) {
        tape.emplace();
        ASSERT_TRUE(tape->ensure_topic("coin_topic", 1));
        for (int i = 0; i < messages; ++i) {
            const std::vector<OutgoingMessage> one{
                {"coin_topic", "bitcoin", value + std::to_string(i), clock.now(), {}}};
            ASSERT_TRUE(tape->append(one));
        }
    }
    void watch_and_wait() {
        watch.start(at);
        EXPECT_FALSE(watch.fault(at));
        watch.note(at, Offset(3), sha256("old3"));
        clock.advance(1s);
    }

    const TopicPartition at{"coin_topic", Partition(0)};
    ManualClock clock{*parse_rfc3339("2026-11-24T00:05:00Z")};
    std::optional<MemoryTape> tape;  // emplaced again, it is another tape at the same place
    TopicWatch watch{tape.emplace(), clock};
};

TEST_F(TopicWatchTest, IsContentWhileTheMessageStandsWhereItStood) {
    watch_and_wait();
    EXPECT_FALSE(watch.fault(at));
    watch.note(at, Offset(4), sha256("old4"));
    clock.advance(1s);
    EXPECT_FALSE(watch.fault(at));
}

TEST_F(TopicWatchTest, NoticesATopicThatHasGrownBeyondTheOldOne) {
    watch_and_wait();
    fill("new", 9);
    const auto fault = watch.fault(at);
    ASSERT_TRUE(fault);
    EXPECT_NE(fault->find("coin_topic[0] holds another message"), std::string::npos) << *fault;
    EXPECT_NE(fault->find("offset 3"), std::string::npos) << *fault;
}

TEST_F(TopicWatchTest, NoticesATopicThatEndsBelowWhatWasRead) {
    watch_and_wait();
    fill("old", 2);
    const auto fault = watch.fault(at);
    ASSERT_TRUE(fault);
    EXPECT_NE(fault->find("ends below"), std::string::npos) << *fault;
}

TEST_F(TopicWatchTest, TakesRetentionForNoFault) {
    watch_and_wait();
    ASSERT_TRUE(tape->discard(at, Offset(5)));
    EXPECT_FALSE(watch.fault(at));
}

TEST_F(TopicWatchTest, LooksOnceASecondAtMost) {
    watch_and_wait();
    EXPECT_FALSE(watch.fault(at));
    watch.note(at, Offset(4), sha256("old4"));
    fill("new", 9);
    clock.advance(999ms);
    EXPECT_FALSE(watch.fault(at));
    clock.advance(1ms);
    EXPECT_TRUE(watch.fault(at));
}

TEST_F(TopicWatchTest, LooksAtOnePartitionOfATopic) {
    const TopicPartition other{"coin_topic", Partition(1)};
    watch.start(other);
    watch_and_wait();
    watch.note(other, Offset(0), sha256("of a partition that is gone"));
    EXPECT_FALSE(watch.fault(at));
    EXPECT_FALSE(watch.fault(other)) << "within the second";
    clock.advance(1s);
    EXPECT_FALSE(watch.fault(at)) << "nothing was read since";
    EXPECT_FALSE(watch.fault(other)) << "nobody can say";
}

}  // namespace
}  // namespace tapedeck
