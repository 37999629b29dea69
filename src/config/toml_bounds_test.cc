#include "config/toml_bounds.h"

#include <gtest/gtest.h>

#include "config/toml_document.h"

namespace tapedeck {
namespace {

std::string repeated(std::string_view part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
}

// What parse_toml says, as every reader of TOML comes by it.
std::string refusal(const std::string& text) {
    const auto document = parse_toml(text, "f.toml");
    return document ? "" : document.error().what;
}

TEST(TomlBounds, HoldForAKeyOfManyParts) {
    const std::string said = "a key of more than 32 parts, which no file of tapedeck's needs";
    EXPECT_EQ(refusal("\n[" + repeated("a.", 20'000) + "b]\nx = 1\n"), "f.toml:2: " + said);
    EXPECT_EQ(refusal(repeated("a.", 100'000) + "b = 1\n"), "f.toml:1: " + said);
    EXPECT_EQ(refusal(repeated("\"a\" . ", 100'000) + "b = 1\n"), "f.toml:1: " + said);
    EXPECT_EQ(refusal("x = {" + repeated("'a'.", 100'000) + "b = 1}\n"), "f.toml:1: " + said);
    EXPECT_EQ(refusal(repeated("a.", 31) + "b = 1\n"), "");
}

TEST(TomlBounds, HoldForListsAndTablesWithinOneAnother) {
    const std::string said =
        "more than 32 lists and tables within one another, which no file of tapedeck's needs";
    EXPECT_EQ(refusal("x =" + repeated("[", 200)), "f.toml:1: " + said);
    EXPECT_EQ(refusal("x = 1\ny =" + repeated("{a=", 200)), "f.toml:2: " + said);
    EXPECT_EQ(refusal("x =" + repeated("[", 32) + repeated("]", 32)), "");
}

TEST(TomlBounds, HoldForTheNumberOfValues) {
    EXPECT_EQ(refusal("x = [" + repeated("1,", 1'000'001) + "]"),
              "f.toml:1: more than 1000000 values, which no file of tapedeck's needs");
}

TEST(TomlBounds, AreNotReachedByWhatStandsInTextsAndComments) {
    const std::string dots = repeated(".[{,=", 1'000);
    EXPECT_EQ(refusal("# " + dots + "\nx = \"" + dots + "\"\ny = '" + dots + "'\n"), "");
    EXPECT_EQ(
        refusal("x = \"\"\"\n\"\" \\\"\"\"\\\" " + dots + "\"\"\"\"\"\ny = '''" + dots + "'''\n"),
        "");
}

// The bounds are there for readers that call themselves: the deepest text within them is read.
TEST(TomlBounds, LeaveWhatCanBeReadAtItsDeepest) {
    const std::string key = repeated("a.", 31) + "b";
    EXPECT_EQ(
        refusal("[" + key + "]\nx = " + repeated("{" + key + "=", 31) + "1" + repeated("}", 31)),
        "");
}

TEST(TomlBounds, AMillionNumbersInOneLineAreReadInAMoment) {
    EXPECT_EQ(refusal("x = [" + repeated("1,", 500'000) + "]"), "");
}

}  // namespace
}  // namespace tapedeck
