#include "tape/tape_rules.h"

#include <gtest/gtest.h>

#include <limits>

namespace tapedeck {
namespace {

TEST(MessageTime, IsATimeOfTheYears1970To9999OrNone) {
    EXPECT_EQ(message_time(1'764'000'000'000), parse_rfc3339("2025-11-24T16:00:00Z").value_or({}));
    EXPECT_EQ(message_time(0), Timestamp{});
    EXPECT_EQ(message_time(253'402'300'799'999),
              parse_rfc3339("9999-12-31T23:59:59.999Z").value_or({}));
    EXPECT_EQ(message_time(253'402'300'800'000), std::nullopt);
    EXPECT_EQ(message_time(1'764'000'000'000'000), std::nullopt);      // microseconds
    EXPECT_EQ(message_time(1'764'000'000'000'000'000), std::nullopt);  // nanoseconds
    EXPECT_EQ(message_time(9'223'372'036'854'776), std::nullopt);
    EXPECT_EQ(message_time(std::numeric_limits<std::int64_t>::max()), std::nullopt);
    EXPECT_EQ(message_time(-1), std::nullopt);
    EXPECT_EQ(message_time(std::numeric_limits<std::int64_t>::min()), std::nullopt);
}

}  // namespace
}  // namespace tapedeck
