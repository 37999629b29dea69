#include "app/output.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

TEST(Harmless, LeavesWhatIsReadAndLinesAsTheyAre) {
    EXPECT_EQ(harmless("one\n\ttwo: 22470.52 €, 東京"), "one\n\ttwo: 22470.52 €, 東京");
}

TEST(Harmless, TakesTheSignsThatSteerATerminal) {
    EXPECT_EQ(harmless("\x1b[31mred\x07\r\x7f"), "?[31mred???");
    EXPECT_EQ(harmless("\xC2\x9B"
                       "31m"),
              "?31m")
        << "CSI as one sign, U+009B";
    EXPECT_EQ(harmless("\xC2\xA0"), "\xC2\xA0");
    EXPECT_EQ(harmless("\xFF\xC3("),
              "?"
              "?(")
        << "no UTF-8";
    EXPECT_EQ(harmless(std::string_view("a\0b", 3)), "a?b");
}

TEST(Harmless, CutsALineThatNobodyReads) {
    const std::string text = harmless(std::string(100'000, 'x') + "\nnext");
    EXPECT_EQ(text, std::string(4'096, 'x') + "…\nnext");
    EXPECT_EQ(harmless(std::string(4'096, 'x')), std::string(4'096, 'x'));
}

}  // namespace
}  // namespace tapedeck
