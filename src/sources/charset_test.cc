#include "sources/charset.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/sha256.h"
#include "sources/charset_tables.h"

namespace tapedeck {
namespace {

using namespace std::string_literals;

std::string in_utf8(std::string_view label, std::string_view bytes) {
    const auto charset = Charset::labelled(label);
    return charset ? charset->to_utf8(bytes) : "not carried";
}

template <class Table>
std::string digest_of(const Table& table) {
    std::string text;
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (table[i] != 0) text += fmt::format("{}:{}\n", i, static_cast<std::uint32_t>(table[i]));
    }
    return hex(sha256(text));
}

// The digests are those of the standard's own index-*.txt of 2024-09-18, read as "pointer:code\n".
TEST(Charset, TablesAreTheStandards) {
    const CharsetTables& tables = charset_tables();
    EXPECT_EQ(digest_of(tables.jis0208),
              "b885a8f10cd4472670e5b83cf4ae5704c3b504c6256ba11a7fb28247a539efb0");
    EXPECT_EQ(digest_of(tables.jis0212),
              "024403ddfb9425805dd5544f658e7db37d0f6c4e34ad1c17020e74a793782d4d");
    EXPECT_EQ(digest_of(tables.euc_kr),
              "67f05180c12cde4e5f701ea77fd972fbe3784a911c3cb739be17deb2b9714d91");
    EXPECT_EQ(digest_of(tables.gb18030),
              "68aecb05e894f359d2e4e67a88466b7fc4fb053ce9060fc695835f6d7545a3c8");
    EXPECT_EQ(digest_of(tables.big5),
              "caaafa0e05c630194e3b5d045a52ad048e5327fb4f97cd03db4c1b047e4be336");
    std::string text;
    for (const Gb18030Run& run : tables.runs) {
        text += fmt::format("{}:{}\n", run.pointer, static_cast<std::uint32_t>(run.code));
    }
    EXPECT_EQ(hex(sha256(text)),
              "604451d411704e3e4b25a3c911d1bf8e33ddfe28109ea5f68c2d0e9e9ff67e22");
    text.clear();
    for (const SingleByteTable& single : tables.singles) {
        text += fmt::format("{}\n", single.name);
        for (std::size_t i = 0; i < 128; ++i) {
            const auto code = static_cast<std::uint32_t>(single.upper[i]);
            if (code != 0) text += fmt::format("{}:{}\n", i, code);
        }
    }
    EXPECT_EQ(hex(sha256(text)),
              "99cfbc6b299c413c291d41e5f2402ce20683707a68b109f18842e3f471569096");
}

TEST(Charset, ReadsEverySetOfTheStandard) {
    EXPECT_EQ(in_utf8("windows-1252", "\x80 12.50 Soci\xE9t\xE9"), "€ 12.50 Société");
    EXPECT_EQ(in_utf8("iso-8859-15", "\xA4"), "€");
    EXPECT_EQ(in_utf8("KOI8-R", "\xE3\xC5\xCE\xC1"), "Цена");
    EXPECT_EQ(in_utf8("shift_jis", "\x89\xBF\x8A\x69 1,234\x89\x7E \xC3"), "価格 1,234円 ﾃ");
    EXPECT_EQ(in_utf8("euc-jp", "\xB2\xC1\xB3\xCA 1,234\xB1\xDF\x8E\xC3\x8F\xB0\xA1"),
              "価格 1,234円ﾃ丂");
    EXPECT_EQ(in_utf8("iso-2022-jp", "\x1B$B2A3J\x1B(B 1,234\x1B$B1_\x1B(J\\\x1B(I\x43"),
              "価格 1,234円¥ﾃ");
    EXPECT_EQ(in_utf8("euc-kr", "\xB0\xA1\xB0\xDD \x8C\x63"), "가격 똠");
    EXPECT_EQ(in_utf8("big5", "\xBB\xF9\xAE\xE6 NT$12 \x88\x62"), "價格 NT$12 Ê\u0304");
    const std::string four = "\xBC\xDB\xB8\xF1 \xA2\xE3 \x81\x39\xEE\x39\x95\x32\x82\x36\x80";
    EXPECT_EQ(in_utf8("gb18030", four), "价格 € 㐀\U00020000€");
    EXPECT_EQ(in_utf8("gb2312", four), in_utf8("gbk", four));
    EXPECT_EQ(in_utf8("utf-16", "1\0\xAC\x20\x34\xD8\x1E\xDD"s), "1€\U0001D11E");
    EXPECT_EQ(in_utf8("utf-16be", "\0001\x20\xAC\xD8\x34\xDD\x1E"s), "1€\U0001D11E");
    EXPECT_EQ(in_utf8("x-user-defined", "a\x80"), "a\uF780");
}

// A cut character never swallows the tag behind it.
TEST(Charset, WhatIsNothingInASetIsOneReplacement) {
    for (const char* label : {"shift_jis", "euc-jp", "euc-kr", "big5", "gbk"}) {
        EXPECT_EQ(in_utf8(label, "\x89</b>"), "\uFFFD</b>") << label;
        EXPECT_EQ(in_utf8(label, "12\x89"), "12\uFFFD") << label;
    }
    EXPECT_EQ(in_utf8("utf-16le", "1\0\x34\xD8x"s), "1\uFFFD\uFFFD");
    EXPECT_EQ(in_utf8("windows-1253", "\xD2"), "\uFFFD");
}

TEST(Charset, KnowsTheLabelsOfTheStandardAndNoOther) {
    for (const auto& [label, name] : std::initializer_list<std::pair<const char*, const char*>>{
             {"latin1", "windows-1252"},
             {"us-ascii", "windows-1252"},
             {" UTF8 ", "UTF-8"},
             {"iso_8859-9:1989", "windows-1254"},
             {"x-sjis", "Shift_JIS"},
             {"ks_c_5601-1987", "EUC-KR"},
             {"tis-620", "windows-874"},
             {"logical", "ISO-8859-8-I"},
             {"cn-big5", "Big5"},
             {"x-mac-ukrainian", "x-mac-cyrillic"},
             {"ucs-2", "UTF-16LE"}}) {
        const auto charset = Charset::labelled(label);
        ASSERT_TRUE(charset) << label;
        EXPECT_EQ(charset->name(), name);
    }
    EXPECT_EQ(in_utf8("iso-8859-8-i", "\xE0"), "א");
    for (const char* label : {"utf-7", "utf-32", "iso-2022-kr", "hz-gb-2312", "replacement", "",
                              "latin1 latin2", "ebcdic-cp-us", "utf-8mb4"}) {
        EXPECT_FALSE(Charset::labelled(label)) << label;
    }
}

TEST(Charset, IsToldByTheMarkThenTheHeaderThenThePage) {
    const auto told = [](std::string_view body, std::string_view type, bool html = true) {
        const PageCharset page = charset_of(body, type, html);
        return page.charset ? std::string(page.charset->name()) : "not carried: " + page.label;
    };
    const std::string meta = "<html><head><meta charset='koi8-r'>";
    EXPECT_EQ(told("\xEF\xBB\xBF" + meta, "text/html; charset=latin2"), "UTF-8");
    EXPECT_EQ(told("\xFF\xFE<\0"s, "text/html; charset=latin2"), "UTF-16LE");
    EXPECT_EQ(told("\xFE\xFF\0<"s, ""), "UTF-16BE");
    EXPECT_EQ(told(meta, "text/html; Charset=\"latin2\""), "ISO-8859-2");
    EXPECT_EQ(told(meta, "text/html"), "KOI8-R");
    EXPECT_EQ(told(meta, "", false), "UTF-8") << "JSON has no meta";
    EXPECT_EQ(told("{}", "application/json;charset=windows-1251", false), "windows-1251");
    EXPECT_EQ(told("<META http-equiv=Content-Type content='text/html;charset=sjis'>", ""),
              "Shift_JIS");
    EXPECT_EQ(told("<!-- <meta charset=sjis> --><title>a</title><meta charset=big5>", ""), "Big5");
    EXPECT_EQ(told("<meta name=\"a>b\" charset=\"euc-kr\" />", ""), "EUC-KR");
    EXPECT_EQ(told("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><html>", ""), "windows-1252");
    EXPECT_EQ(told("<meta charset=utf-16>", ""), "UTF-8");
    EXPECT_EQ(told("<b>\x80 12</b>", ""), "windows-1252");
    EXPECT_EQ(told("<b>\x80 12</b> é", ""), "UTF-8") << "some of it is";
    EXPECT_EQ(told("<b>12</b>", ""), "UTF-8");
    EXPECT_EQ(told("<b>12</b>", "text/html; charset=utf-7"), "not carried: utf-7");
    EXPECT_EQ(told("<meta charset=hz-gb-2312>", ""), "not carried: hz-gb-2312");
}

TEST(Charset, LeadsBackToTheBytesThatCame) {
    const auto charset = *Charset::labelled("windows-1252");
    const std::string bytes =
        "a\x80"
        "b\xE9";  // in UTF-8: a €€€ b éé
    for (const auto& [at, from] : std::initializer_list<std::pair<std::size_t, std::size_t>>{
             {0, 0}, {1, 1}, {3, 1}, {4, 2}, {5, 3}, {6, 3}, {7, 4}, {99, 4}}) {
        EXPECT_EQ(charset.source_of(bytes, at), from) << at;
    }
    EXPECT_EQ(Charset::utf8().source_of("abc", 2), 2u);
}

}  // namespace
}  // namespace tapedeck
