#include <gtest/gtest.h>

#include <climits>
#include <cstdint>

#include "tape/tape.h"

namespace tapedeck {
namespace {

// The hashes of Apache Kafka's own test (UtilsTest.testMurmur2), made positive as its partitioner
// does; INT_MAX partitions leave the hash as it is.
std::int32_t positive(std::int32_t murmur2) { return murmur2 & 0x7fffffff; }

TEST(PartitionOf, AgreesWithKafkasPublishedHashes) {
    EXPECT_EQ(partition_of("21", INT_MAX).value(), positive(-973932308));
    EXPECT_EQ(partition_of("foobar", INT_MAX).value(), positive(-790332482));
    EXPECT_EQ(partition_of("a-little-bit-long-string", INT_MAX).value(), positive(-985981536));
    EXPECT_EQ(partition_of("a-little-bit-longer-string", INT_MAX).value(), positive(-1486304829));
    EXPECT_EQ(partition_of("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", INT_MAX).value(),
              positive(-58897971));
    EXPECT_EQ(partition_of("abc", INT_MAX).value(), positive(479470107));
}

TEST(PartitionOf, StaysBelowTheNumberOfPartitions) {
    EXPECT_EQ(partition_of("foobar", 6).value(), positive(-790332482) % 6);
    EXPECT_EQ(partition_of("foobar", 1), Partition(0));
}

TEST(PartitionOf, PutsMessagesWithoutKeyIntoTheFirst) {
    EXPECT_EQ(partition_of("", 12), Partition(0));
}

}  // namespace
}  // namespace tapedeck
