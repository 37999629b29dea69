#include "load/batch_maker.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

TEST(BytesToRead, IsAPartOfTheLimitAsLongAsNothingIsKnownOfATopic) {
    BatchLimits limits;
    limits.bytes = 1'600'000;
    EXPECT_EQ(bytes_to_read(limits, {}), 100'000U);
}

TEST(BytesToRead, GivesAsManyRowsAsOneTransactionMayHave) {
    BatchLimits limits;
    limits.rows = 3'000;
    EXPECT_EQ(bytes_to_read(limits, {10, 400, 60}), 3'000U * 400 / 60);  // arrays of six coins
}

TEST(BytesToRead, GivesAsMuchAsMayBeHeldInMemory) {
    BatchLimits limits;
    const ChunkSize ours{100, 33'000, 100};
    const std::size_t bytes = bytes_to_read(limits, ours);
    EXPECT_LT(bytes, limits.memory / 2);  // a row is there several times
    limits.memory *= 2;
    const std::size_t twice = bytes_to_read(limits, ours);
    EXPECT_TRUE(twice == 2 * bytes || twice == 2 * bytes + 1) << twice;
}

TEST(BytesToRead, IsNeverMoreThanTheLimitAndNeverNothing) {
    BatchLimits limits;
    limits.bytes = 4096;
    EXPECT_EQ(bytes_to_read(limits, {1, 900'000, 0}), 4096U);
    limits.rows = 1;
    EXPECT_EQ(bytes_to_read(limits, {1, 10, 100}), 1U);
}

class OfOneMessage : public ::testing::Test {
protected:
    Batch made_of(std::string_view value, std::optional<Timestamp> timestamp) {
        arena_.clear();
        BatchMaker maker(topics_);
        return maker.make(Chunk{{"coin_topic", Partition(0)},
                                Offset(0),
                                Offset(1),
                                {{Offset(0), timestamp, "", value}},
                                nullptr},
                          arena_);
    }

    static constexpr std::string_view kDated =
        R"({"coin_name":"bitcoin","current_price":2,"observed_at":"2026-11-24T00:05:00Z"})";
    static constexpr std::string_view kUndated = R"({"coin_name":"bitcoin","current_price":2})";

private:
    const std::vector<LoadedTopic> topics_{
        {"coin_topic", PriceTable{"coin_records", RecordForm::coin}}};
    TextArena arena_;
};

TEST_F(OfOneMessage, APriceWithATimeOfItsOwnNeedsNoneOfItsMessage) {
    const Batch batch = made_of(kDated, std::nullopt);
    ASSERT_EQ(batch.rows.size(), 1U);
    EXPECT_EQ(batch.rows[0].records[0].observed_at,
              parse_rfc3339("2026-11-24T00:05:00Z").value_or({}));
    EXPECT_TRUE(batch.dead_letters.empty());
    EXPECT_FALSE(batch.advances[0].last_timestamp);
}

TEST_F(OfOneMessage, APriceWithoutAnyTimeIsADeadLetter) {
    const Batch batch = made_of(kUndated, std::nullopt);
    EXPECT_TRUE(batch.rows.empty());
    ASSERT_EQ(batch.dead_letters.size(), 1U);
    EXPECT_EQ(batch.dead_letters[0].value, kUndated);
    EXPECT_EQ(batch.dead_letters[0].reason,
              "the price of bitcoin has no time: no observed_at, and the message's timestamp is "
              "outside the years 1970 to 9999");
    EXPECT_EQ(made_of(kUndated, Timestamp{}).rows.size(), 1U);
    // Of an array, all of it: a part of a message is never loaded.
    const std::string array = "[" + std::string(kDated) + "," + std::string(kUndated) + "]";
    EXPECT_TRUE(made_of(array, std::nullopt).rows.empty());
    EXPECT_EQ(made_of(array, std::nullopt).dead_letters.size(), 1U);
}

}  // namespace
}  // namespace tapedeck
