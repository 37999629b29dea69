#include "store/tape_label.h"

#include <gtest/gtest.h>

#include "store/sqlite/sqlite_store.h"
#include "tape/memory_tape.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kLabelTime{std::chrono::microseconds(1'764'000'000'000'000)};

class TapeLabelTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto opened = SqliteStore::open(":memory:", clock);
        ASSERT_TRUE(opened) << opened.error().what;
        store = *std::move(opened);
    }

    TapeLabel adopted(const std::string& identity, Timestamp at) {
        auto label = adopt_tape(*store, identity, "kafka://" + identity, at);
        EXPECT_TRUE(label) << label.error().what;
        return label.value_or(TapeLabel("@none"));
    }

    ManualClock clock{kLabelTime};
    std::unique_ptr<Store> store;
};

TEST_F(TapeLabelTest, TheFirstTapeKeepsTheNamesOfItsTopicsAndOthersAreMarked) {
    EXPECT_EQ(adopted("a", kLabelTime).topic("coin_topic"), "coin_topic");
    const TapeLabel second = adopted("b", kLabelTime + 1s);
    EXPECT_EQ(second.topic("coin_topic"), "coin_topic@3e23e8160039594a");  // SHA-256 of "b"
    EXPECT_EQ(adopted("a", kLabelTime + 2s), TapeLabel());
    EXPECT_EQ(adopted("b", kLabelTime + 3s), second);
    EXPECT_NE(adopted("c", kLabelTime + 4s), second);
}

TEST_F(TapeLabelTest, TellsWhichTapeAStoredNameIsOf) {
    const TapeLabel first;
    const TapeLabel second("@12");
    EXPECT_TRUE(first.is_of("coin_topic"));
    EXPECT_FALSE(first.is_of("coin_topic@12"));
    EXPECT_TRUE(second.is_of("coin_topic@12"));
    EXPECT_FALSE(second.is_of("coin_topic@112"));
    EXPECT_FALSE(second.is_of("coin_topic"));
    EXPECT_EQ(place_on_tape({"coin_topic@12", Partition(3)}),
              (TopicPartition{"coin_topic", Partition(3)}));
}

TEST_F(TapeLabelTest, OfATapeThatCannotSayWhoItIsIsTheLastOnes) {
    MemoryTape nameless("");
    EXPECT_EQ(label_of(*store, nameless).value_or(TapeLabel("@none")), TapeLabel());
    adopted("a", kLabelTime);
    const TapeLabel second = adopted("b", kLabelTime + 1s);
    EXPECT_EQ(label_of(*store, nameless).value_or({}), second);
    adopted("a", kLabelTime + 2s);
    EXPECT_EQ(label_of(*store, nameless).value_or(second), TapeLabel());
    MemoryTape never("c");
    EXPECT_FALSE(label_of(*store, never).value_or({}).suffix().empty());
}

}  // namespace
}  // namespace tapedeck
