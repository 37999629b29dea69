#include "base/words.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

TEST(Words, AreWholeOnes) {
    EXPECT_TRUE(is_among("USD CAD AUD", "USD"));
    EXPECT_TRUE(is_among("USD CAD AUD", "CAD"));
    EXPECT_TRUE(is_among("USD CAD AUD", "AUD"));
    EXPECT_TRUE(is_among("USD", "USD"));
    EXPECT_FALSE(is_among("USD CAD AUD", "US"));
    EXPECT_FALSE(is_among("USD CAD AUD", "AUDX"));
    EXPECT_FALSE(is_among("USD CAD AUD", "D C"));
    EXPECT_FALSE(is_among("", "USD"));
}

}  // namespace
}  // namespace tapedeck
