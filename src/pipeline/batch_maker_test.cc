#include "pipeline/batch_maker.h"

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

}  // namespace
}  // namespace tapedeck
