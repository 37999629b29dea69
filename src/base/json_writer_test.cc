#include "base/json_writer.h"

#include <gtest/gtest.h>

#include <string>

#include "base/utf8.h"

namespace tapedeck {
namespace {

std::string json_string(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

TEST(JsonWriter, PlacesTheCommas) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("a").number(-1).key("b").begin_array();
    json.text("x").boolean(true).null().begin_object().end_object().begin_array().end_array();
    json.end_array().key("c").raw("22470.52").end_object();
    EXPECT_EQ(out, R"({"a":-1,"b":["x",true,null,{},[]],"c":22470.52})");
}

TEST(JsonWriter, WritesNumbersOfAllSizes) {
    std::string out;
    JsonWriter json(out);
    json.begin_array().number(INT64_MIN).number(INT64_MAX).number(0).end_array();
    EXPECT_EQ(out, "[-9223372036854775808,9223372036854775807,0]");
}

TEST(JsonString, EscapesWhatMustBeEscaped) {
    EXPECT_EQ(json_string("a\"b\\c/d"), R"("a\"b\\c/d")");
    EXPECT_EQ(json_string("\n\r\t\b\f"), R"("\n\r\t\u0008\u000c")");
    EXPECT_EQ(json_string(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
    EXPECT_EQ(json_string(""), "\"\"");
}

TEST(JsonString, KeepsUtf8) { EXPECT_EQ(json_string("é€😀\u0800\uFFFF"), "\"é€😀\u0800\uFFFF\""); }

TEST(JsonString, BytesThatAreNoUtf8BecomeReplacementCharacters) {
    EXPECT_EQ(json_string("a\xFF"
                          "b"),
              "\"a\uFFFDb\"");
    EXPECT_EQ(json_string("\xC3"), "\"\uFFFD\"");                      // cut short
    EXPECT_EQ(json_string("\xC0\xAF"), "\"\uFFFD\uFFFD\"");            // overlong
    EXPECT_EQ(json_string("\xED\xA0\x80"), "\"\uFFFD\uFFFD\uFFFD\"");  // a surrogate
    EXPECT_EQ(json_string("\xF4\x90\x80\x80").size(), 2U + 4U * 3U);   // beyond U+10FFFF
    EXPECT_EQ(json_string("\xE2\x82"), "\"\uFFFD\uFFFD\"");
}

// Every code point, encoded here by the definition, and every sequence of two bytes.
TEST(Utf8, LengthIsThatOfTheDefinition) {
    for (unsigned code = 0; code <= 0x10FFFF; ++code) {
        std::string text;
        const auto put = [&text](unsigned byte) { text += static_cast<char>(byte); };
        if (code < 0x80) {
            put(code);
        } else if (code < 0x800) {
            put(0xC0 + code / 64);
        } else if (code < 0x10000) {
            put(0xE0 + code / 4096);
            put(0x80 + code / 64 % 64);
        } else {
            put(0xF0 + code / 262'144);
            put(0x80 + code / 4096 % 64);
            put(0x80 + code / 64 % 64);
        }
        if (code >= 0x80) put(0x80 + code % 64);
        const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
        ASSERT_EQ(utf8_length(text + "x"), surrogate ? 0 : text.size()) << code;
        ASSERT_EQ(utf8_length(text.substr(0, text.size() - 1)), 0U) << code;
    }
    for (unsigned pair = 0x8000; pair < 0x10000; ++pair) {
        const char text[] = {static_cast<char>(pair >> 8U), static_cast<char>(pair & 0xFFU)};
        const bool valid = pair >= 0xC280 && pair < 0xE000 && (pair & 0xC0U) == 0x80;
        ASSERT_EQ(utf8_length(std::string_view(text, 2)), valid ? 2U : 0U) << pair;
    }
}

}  // namespace
}  // namespace tapedeck
