#include "config/toml_document.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

TEST(TomlDocument, GivesTheLineAndColumnOfEveryKeyAndValue) {
    const auto root =
        parse_toml("a = 1\n[feed.coin]\n  \"é\" = [\n    \"x\",\n    \"y\",\n  ]\n", "f");
    ASSERT_TRUE(root) << root.error().what;
    EXPECT_EQ(root->find("a")->at, (TomlPosition{1, 5}));
    EXPECT_EQ(root->find("a")->key_at, (TomlPosition{1, 1}));
    const TomlNode* coin = root->find("feed")->find("coin");
    ASSERT_NE(coin, nullptr);
    EXPECT_EQ(coin->at.line, 2);
    const TomlNode* list = coin->find("é");
    ASSERT_NE(list, nullptr);
    EXPECT_EQ(list->key_at, (TomlPosition{3, 3}));
    EXPECT_EQ(list->at, (TomlPosition{3, 9}));
    EXPECT_EQ(list->items[1].at, (TomlPosition{5, 5}));
}

TEST(TomlDocument, KeepsMembersInTheOrderOfTheFile) {
    const auto root = parse_toml("z = 1\nb = 2\na = 3\n", "f");
    ASSERT_TRUE(root);
    std::string order;
    for (const TomlMember& member : root->members) order += member.key;
    EXPECT_EQ(order, "zba");
}

TEST(TomlDocument, KeepsANumberAsItWasWritten) {
    const auto root = parse_toml("\"é\" = { gate = 0.10000000000000000001 , on = true } # x", "f");
    ASSERT_TRUE(root);
    EXPECT_EQ(root->find("é")->find("gate")->text, "0.10000000000000000001");
    EXPECT_EQ(root->find("é")->find("on")->text, "true");
}

TEST(TomlDocument, NamesFileLineAndColumnOfASyntaxFault) {
    const auto root = parse_toml("a = 1\nb = \n", "tapedeck.toml");
    ASSERT_FALSE(root);
    EXPECT_EQ(root.error().kind, ErrorKind::malformed);
    EXPECT_TRUE(root.error().what.starts_with("tapedeck.toml:2:")) << root.error().what;
}

TEST(TomlDocument, RefusesADuplicateKey) {
    const auto root = parse_toml("a = 1\na = 2\n", "tapedeck.toml");
    ASSERT_FALSE(root);
    EXPECT_TRUE(root.error().what.starts_with("tapedeck.toml:2:")) << root.error().what;
    EXPECT_NE(root.error().what.find("'a'"), std::string::npos) << root.error().what;
}

TEST(TomlDocument, WritesStringsThatReadBackTheSame) {
    for (const std::string text : {"", "a\"b\\c", "line\nfeed\ttab", "\x01\x1f\x7f", "é€😀"}) {
        const auto root = parse_toml("k = " + toml_string(text), "f");
        ASSERT_TRUE(root) << root.error().what;
        EXPECT_EQ(root->find("k")->text, text);
    }
}

TEST(TomlDocument, SplitsAKeyAndJoinsItAgain) {
    const auto parts = split_key("feed.\"my.feed\".topic");
    ASSERT_TRUE(parts);
    EXPECT_EQ(*parts, (std::vector<std::string>{"feed", "my.feed", "topic"}));
    EXPECT_EQ(join_key(*parts), "feed.\"my.feed\".topic");
    EXPECT_FALSE(split_key("feed..topic"));
    EXPECT_FALSE(split_key("a = 1\nb"));
    EXPECT_FALSE(split_key("a = {x = 0}\n#"));
    EXPECT_FALSE(split_key(""));
}

}  // namespace
}  // namespace tapedeck
