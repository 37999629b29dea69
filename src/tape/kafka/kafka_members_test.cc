#include <gtest/gtest.h>

#include "tape/kafka/kafka_admin.h"

namespace tapedeck {
namespace {

// Version 1: "b" with partitions 2 and 0, "a" with 1, no user data.
constexpr std::string_view kBytes(
    "\0\1"
    "\0\0\0\2"
    "\0\1b\0\0\0\2\0\0\0\2\0\0\0\0"
    "\0\1a\0\0\0\1\0\0\0\1"
    "\xff\xff\xff\xff",
    2 + 4 + 15 + 11 + 4);

TEST(Assignment, NamesEveryPartitionInOrder) {
    const auto decoded = decode_assignment(kBytes);
    ASSERT_TRUE(decoded) << decoded.error().what;
    EXPECT_EQ(*decoded, (std::vector<TopicPartition>{
                            {"a", Partition(1)}, {"b", Partition(0)}, {"b", Partition(2)}}));
    EXPECT_TRUE(decode_assignment("")->empty());
}

TEST(Assignment, RefusesBytesThatEndEarlyAndNumbersThatCannotBe) {
    constexpr std::size_t kUserData = 4;
    for (std::size_t size = 1; size < kBytes.size() - kUserData; ++size) {
        EXPECT_FALSE(decode_assignment(kBytes.substr(0, size))) << size;
    }
    for (const std::size_t at : {2U, 6U, 9U, 13U}) {  // counts, a length, a partition
        std::string negative(kBytes);
        negative[at] = '\xff';
        EXPECT_FALSE(decode_assignment(negative)) << at;
    }
}

}  // namespace
}  // namespace tapedeck
