#include "sources/json_tree.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/json_writer.h"

namespace tapedeck {
namespace {

// The scalars that `pointer` leads to, joined by '|'.
std::string at(std::string_view json, std::string_view pointer, Names names = {}) {
    const auto tree = JsonTree::parse(json);
    if (!tree) return tree.error().what;
    const auto path = JsonPath::parse(pointer);
    if (!path) return path.error().what;
    std::string texts;
    for (const auto index : (*tree)->find(0, *path, 100, names)) {
        const auto scalar = (*tree)->scalar(index);
        if (!texts.empty()) texts += '|';
        texts += scalar == JsonTree::kNone ? "-" : std::string((**tree)[scalar].text);
    }
    return texts;
}

TEST(JsonTree, KeepsNumbersAsTheyWereWritten) {
    EXPECT_EQ(at("{\"a\": 236.0 }", "/a"), "236.0");
    EXPECT_EQ(
        at("[1.230e-7,0.1000000000000000055511151231257827,123456789012345678901234567890]", "/*"),
        "1.230e-7|0.1000000000000000055511151231257827|123456789012345678901234567890");
}

TEST(JsonTree, FollowsPointers) {
    constexpr std::string_view kJson =
        "{\"a\":{\"b/c\":1,\"~\":2,\"\":3},\"list\":[10,20,[30]],\"n\":null,\"t\":true}";
    EXPECT_EQ(at(kJson, "/a/b~1c"), "1");
    EXPECT_EQ(at(kJson, "/a/~0"), "2");
    EXPECT_EQ(at(kJson, "/a/"), "3");
    EXPECT_EQ(at(kJson, "/list/1"), "20");
    EXPECT_EQ(at(kJson, "/list/-1/0"), "30");
    EXPECT_EQ(at(kJson, "/list/9"), "");
    EXPECT_EQ(at(kJson, "/list/-4"), "");
    EXPECT_EQ(at(kJson, "/n"), "-");
    EXPECT_EQ(at(kJson, "/t"), "true");
    EXPECT_EQ(at(kJson, ""), "-");
    EXPECT_EQ(at(kJson, "/a/*"), "1|2|3");
    EXPECT_EQ(at(kJson, "/**/0"), "10|30");
}

TEST(JsonTree, FindsTheEntryThatHasAMember) {
    constexpr std::string_view kQuotes =
        "{\"quotes\":[{\"name\":\"BTC\",\"price\":1},{\"name\":\"USD\",\"price\":60000.5},"
        "[\"USD\"],{\"price\":3}],\"by\":{\"x\":{\"name\":\"USD\",\"price\":7}}}";
    EXPECT_EQ(at(kQuotes, "/quotes/[name=USD]/price"), "60000.5");
    EXPECT_EQ(at(kQuotes, "/by/[name=USD]/price"), "7");
    EXPECT_EQ(at(kQuotes, "/quotes/[name=EUR]/price"), "");
    EXPECT_EQ(at(kQuotes, "/**/[name=USD]/price"), "60000.5|7");
}

TEST(JsonTree, TakesTheLastOfMembersWithOneNameAsBrowsersDo) {
    EXPECT_EQ(at("{\"p\":1,\"q\":2,\"p\":3}", "/p"), "3");
}

TEST(JsonTree, PutsTheSymbolIn) {
    EXPECT_EQ(at("{\"r\":{\"A/B\":1,\"C\":2}}", "/r/{symbol}", {"x", "A/B"}), "1");
}

TEST(JsonTree, TakesTheRawOfAFormattedNumber) {
    EXPECT_EQ(at("{\"p\":{\"fmt\":\"1.50\",\"raw\":1.5}}", "/p"), "1.5");
    EXPECT_EQ(at("{\"p\":{}}", "/p"), "-");
}

TEST(JsonTree, KnowsWhereAScalarStands) {
    const std::string json = "{ \"a\" : [ 1.5 , \"x\\ny\" ] }";
    const auto tree = JsonTree::parse(json);
    ASSERT_TRUE(tree);
    const auto found = (*tree)->find(0, *JsonPath::parse("/a/*"), 9, {});
    ASSERT_EQ(found.size(), 2u);
    const auto& number = (**tree)[found[0]];
    const auto& text = (**tree)[found[1]];
    EXPECT_EQ(json.substr(number.source_at, number.source_size), "1.5");
    EXPECT_EQ(json.substr(text.source_at, text.source_size), "x\\ny");
    EXPECT_EQ(text.text, "x\ny");
}

TEST(JsonTree, RefusesWhatIsNotJson) {
    for (const char* bad :
         {"", " ", "{", "[1,]", "{\"a\":01}", "{\"a\":1.}", "[1] x", "{\"a\" 1}", "{\"a\":nul}",
          "{\"a\":tru}", "<html>", "[\"\\x\"]", "[\"\xFF\"]", "{a:1}", "[1 2]", "[-]", "[\"a]"}) {
        EXPECT_FALSE(JsonTree::parse(bad)) << bad;
    }
    EXPECT_TRUE(JsonTree::parse(std::string(1000, '[') + std::string(1000, ']')));
    for (const std::size_t depth : {1100u, 1'000'000u}) {
        EXPECT_FALSE(JsonTree::parse(std::string(depth, '[') + std::string(depth, ']')));
    }
}

TEST(JsonTree, RefusesPointersThatAreNone) {
    for (const char* bad : {"a", "/~2", "/a~", "/**", "/a/**", "/**/**/a"}) {
        EXPECT_FALSE(JsonPath::parse(bad)) << bad;
    }
}

TEST(JsonTree, FindsTheEndOfAValue) {
    const std::string_view value = " {\"a\":\"}\\\"\",\"b\":[{}]}";
    EXPECT_EQ(json_extent(std::string(value) + ";x"), value.size());
    EXPECT_EQ(json_extent("{\"a\":"), 0u);
    const std::string_view backslashes = "[\"\\\\\", \"\\\\\\\"]\", \"\"]";  // "\\", "\\\"]", ""
    EXPECT_EQ(json_extent(std::string(backslashes) + "]"), backslashes.size());
    EXPECT_EQ(json_extent("[\"\\\"]"), 0u);
    EXPECT_EQ(json_extent("function(){}"), 0u);
}

// The same, byte by byte. A backslash outside a string is no JSON.
std::size_t plain_extent(std::string_view text) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '\\') {
            ++at;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && (c == '{' || c == '[')) {
            ++depth;
        } else if (!in_string && (c == '}' || c == ']') && --depth == 0) {
            return at + 1;
        }
    }
    return 0;
}

RC_GTEST_PROP(JsonTree, FindsTheEndOfAnyValue, ()) {
    static const std::vector<std::string> kPieces{"{",
                                                  "}",
                                                  "[",
                                                  "]",
                                                  "\"}\"",
                                                  "\"\\\"\"",
                                                  "\"\\\\\"",
                                                  "\"",
                                                  ",",
                                                  "1",
                                                  std::string(61, ' '),
                                                  "\"" + std::string(62, '\\') + "\"",
                                                  "\"{[\"",
                                                  ";"};
    std::string text = *rc::gen::elementOf(std::vector<std::string>{"{", "["});
    for (const auto& piece :
         *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(kPieces))) {
        text += piece;
    }
    RC_ASSERT(json_extent(text) == plain_extent(text));
}

RC_GTEST_PROP(JsonTree, FindsAByteOfAStringInItsEscapedForm, (const std::string& text)) {
    std::string json;
    append_json_string(json, text);
    const auto tree = JsonTree::parse(json);
    RC_ASSERT(static_cast<bool>(tree));
    const std::string_view plain = (**tree)[0].text;
    const std::string_view raw = std::string_view(json).substr(1, json.size() - 2);
    for (std::size_t i = 0; i < plain.size(); ++i) {
        const auto byte = static_cast<unsigned char>(plain[i]);
        if (byte < 0x20 || byte >= 0x80 || plain[i] == '"' || plain[i] == '\\') continue;
        RC_ASSERT(raw[escaped_offset(raw, i)] == plain[i]);
    }
}

}  // namespace
}  // namespace tapedeck
