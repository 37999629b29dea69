#include "spark/arrow_chunks.h"

#include <gtest/gtest.h>

#include "tests/parts/arrow_maker.h"

namespace tapedeck {
namespace {

using parts::ArrowMaker;
using parts::Message;

std::vector<Message> messages(std::int64_t from, std::int64_t to) {
    std::vector<Message> out;
    for (std::int64_t offset = from; offset < to; ++offset) {
        out.push_back({offset, "value " + std::to_string(offset)});
    }
    return out;
}

class ArrowChunksTest : public ::testing::TestWithParam<bool> {
protected:
    ArrowMaker maker{GetParam()};
    ArrowArrayStream stream{};
};

TEST_P(ArrowChunksTest, GivesWhatTheArraysHoldAndReleasesThemWithTheLastChunk) {
    maker.stream({messages(5, 7), {}, messages(9, 10)}, &stream);
    std::vector<Chunk> chunks;
    {
        ArrowChunks source(&stream);
        while (true) {
            auto next = source.next(SIZE_MAX);
            ASSERT_TRUE(next) << next.error().what;
            if (!*next) break;
            chunks.push_back(*std::move(*next));
        }
    }
    EXPECT_EQ(stream.release, nullptr) << "it was given over";
    ASSERT_EQ(chunks.size(), 2U);
    EXPECT_EQ(chunks[0].at, (TopicPartition{"coin_topic", Partition(0)}));
    EXPECT_EQ(chunks[0].from, Offset(5));
    EXPECT_EQ(chunks[0].next, Offset(7));
    EXPECT_EQ(chunks[0].messages[1].value, "value 6");
    EXPECT_EQ(chunks[0].messages[1].key, "bitcoin");
    EXPECT_EQ(chunks[0].messages[1].timestamp,
              Timestamp(std::chrono::microseconds(1'763'942'700'000'000)));
    EXPECT_EQ(chunks[1].messages[0].offset, Offset(9));
    EXPECT_EQ(maker.held(), 2) << "the arrays live as long as the chunks";
    chunks.clear();
    EXPECT_EQ(maker.held(), 0);
}

TEST_P(ArrowChunksTest, CutsAnArrayAtTheBytesAskedForOneMessageAtLeast) {
    maker.stream({messages(0, 5)}, &stream);
    ArrowChunks source(&stream);
    std::vector<std::size_t> sizes;
    for (const std::size_t bytes : {16U, 1U, 100U}) {
        auto next = source.next(bytes);
        ASSERT_TRUE(next && *next);
        sizes.push_back((*next)->messages.size());
    }
    EXPECT_EQ(sizes, (std::vector<std::size_t>{2, 1, 2}));
}

TEST_P(ArrowChunksTest, BeginsAnotherChunkWhereThePartitionChanges) {
    auto mixed = messages(0, 2);
    mixed.push_back({7, "x", {}, "k", "coin_topic", 1});
    maker.stream({mixed}, &stream);
    ArrowChunks source(&stream);
    ASSERT_EQ((*source.next(SIZE_MAX))->messages.size(), 2U);
    const auto other = source.next(SIZE_MAX);
    ASSERT_TRUE(other && *other);
    EXPECT_EQ((*other)->at.partition, Partition(1));
    EXPECT_EQ((*other)->from, Offset(7));
}

// Spark gives Kafka's -1 as the last millisecond of 1969; other numbers may be no time of ours.
TEST_P(ArrowChunksTest, KnowsAMessageWithoutATimeAndOneWithoutAValue) {
    maker.stream({{{0, std::nullopt, -1'000}, {1, "x", std::nullopt}, {2, "y", -62'000'000'000}}},
                 &stream);
    ArrowChunks source(&stream);
    const auto chunk = source.next(SIZE_MAX);
    ASSERT_TRUE(chunk && *chunk);
    for (const TapeMessage& message : (*chunk)->messages) EXPECT_FALSE(message.timestamp);
    EXPECT_EQ((*chunk)->messages[0].value, "");
}

TEST_P(ArrowChunksTest, RefusesColumnsThatAreNotTheAgreedOnes) {
    maker.rename(5, "body");
    maker.stream({messages(0, 1)}, &stream);
    auto missing = ArrowChunks(&stream).next(SIZE_MAX);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, ErrorKind::malformed);
    EXPECT_EQ(missing.error().what, "the messages have no column value");
    maker.rename(5, "value");
    maker.reformat(3, "tsm:");
    maker.stream({messages(0, 1)}, &stream);
    auto other = ArrowChunks(&stream).next(SIZE_MAX);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().what,
              "the column timestamp has the Arrow format 'tsm:', which is not read");
    EXPECT_EQ(maker.held(), 0);
}

TEST_P(ArrowChunksTest, TellsOfAStreamThatEndsWithAnError) {
    maker.stream({messages(0, 1)}, &stream, "the socket is closed");
    ArrowChunks source(&stream);
    ASSERT_TRUE(source.next(SIZE_MAX));
    const auto ended = source.next(SIZE_MAX);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().kind, ErrorKind::unavailable);
    EXPECT_EQ(ended.error().what, "the messages end with an error: the socket is closed");
}

TEST_P(ArrowChunksTest, TakesASingleArrayAndNoneAtAll) {
    ArrowArray array{};
    ArrowSchema schema{};
    maker.make(messages(0, 3), &array);
    maker.make(&schema);
    {
        ArrowChunks source(&array, &schema);
        ASSERT_EQ((*source.next(SIZE_MAX))->messages.size(), 3U);
        EXPECT_FALSE(*source.next(SIZE_MAX));
        EXPECT_FALSE(*source.next(SIZE_MAX));
    }
    EXPECT_EQ(maker.held(), 0);
    ArrowChunks nothing(nullptr, nullptr);
    const auto next = nothing.next(SIZE_MAX);
    ASSERT_TRUE(next);
    EXPECT_FALSE(*next);
}

INSTANTIATE_TEST_SUITE_P(Texts, ArrowChunksTest, ::testing::Values(false, true),
                         [](const auto& large) { return large.param ? "Large" : "Small"; });

}  // namespace
}  // namespace tapedeck
