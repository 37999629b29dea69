#include "app/live_table.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

TEST(Fitted, LeavesAloneWhatHasRoom) {
    EXPECT_EQ(fitted("title\n\nbitcoin 1\n", {"a notice"}, 24, 80),
              "title\n\nbitcoin 1\na notice\n");
    EXPECT_EQ(fitted("title\n", {}, 2, 5), "title\n");
}

TEST(Fitted, CutsLinesByWhatIsSeenAndNeverInsideACharacter) {
    EXPECT_EQ(fitted("abcdef\n€€€€\n", {"xyzxyz"}, 24, 3), "abc\n€€€\nxyz\n");
}

TEST(Fitted, LeavesOutTheEndOfTheTableBeforeANotice) {
    EXPECT_EQ(fitted("1\n2\n3\n4\n5\n", {"n"}, 5, 80), "1\n2\n… and 3 lines more\nn\n");
    // A screen of one line has room for one.
    EXPECT_EQ(fitted("1\n2\n", {"n"}, 1, 80), "… and 2 lines more\n");
}

}  // namespace
}  // namespace tapedeck
