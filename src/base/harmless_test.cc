#include "base/harmless.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

TEST(Harmless, ShowsWhatATerminalWouldObey) {
    EXPECT_EQ(harmless("a\x1B[31mred\x1B]0;title\x07"), "a\\u001b[31mred\\u001b]0;title\\u0007");
    EXPECT_EQ(harmless("\xC2\x9B"
                       "31m \x7F \r \b"),
              "\\u009b31m \\u007f \\u000d \\u0008");
    EXPECT_EQ(harmless("cod\xE2\x80\xAE.exe"), "cod\\u202e.exe");
    EXPECT_EQ(harmless(std::string_view("a\0b", 3)), "a\\u0000b");
}

TEST(Harmless, LeavesTextAsItIs) {
    const std::string text =
        "Soci\xC3\xA9t\xC3\xA9 \xE2\x82\xAC 1\xC2\xA0"
        "099 \xF0\x9F\x9A\x80\n\tline";
    EXPECT_EQ(harmless(text), text);
}

TEST(Harmless, ShowsBytesThatAreNoText) {
    EXPECT_EQ(harmless("a\x9B"
                       "b\xFF"),
              "a\xEF\xBF\xBD"
              "b\xEF\xBF\xBD");
    EXPECT_EQ(harmless("\xE2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace
}  // namespace tapedeck
