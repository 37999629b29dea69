#include "config/values.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "config/nearest.h"

namespace tapedeck {
namespace {

TEST(Bytes, ReadBinaryAndDecimalUnits) {
    EXPECT_EQ(parse_bytes("8MiB")->value(), 8 * 1024 * 1024);
    EXPECT_EQ(parse_bytes("64kB")->value(), 64'000);
    EXPECT_EQ(parse_bytes("10GiB")->value(), std::int64_t{10} << 30);
    EXPECT_EQ(parse_bytes("0")->value(), 0);
    for (const char* text :
         {"", "MiB", "8 MiB", "8mb", "-1B", "1.5GiB", "9999999999TiB", "8MiBs"}) {
        EXPECT_FALSE(parse_bytes(text)) << text;
    }
}

TEST(Bytes, AreWrittenAsTheyReadBack) {
    EXPECT_EQ(format_bytes(ByteCount(8 * 1024 * 1024)), "8MiB");
    EXPECT_EQ(format_bytes(ByteCount(1'000)), "1kB");
    EXPECT_EQ(format_bytes(ByteCount(1'001)), "1001B");
    EXPECT_TRUE(rc::check([] {
        const auto bytes = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 50);
        RC_ASSERT(parse_bytes(format_bytes(ByteCount(bytes)))->value() == bytes);
    }));
}

TEST(Nearest, FindsSlipsAndNothingElse) {
    const std::vector<std::string> known{"instruments", "sources", "topic", "table"};
    EXPECT_EQ(nearest("instrumets", known), "instruments");
    EXPECT_EQ(nearest("instrument", known), "instruments");
    EXPECT_EQ(nearest("tpoic", known), "topic");
    EXPECT_EQ(nearest("colour", known), std::nullopt);
    EXPECT_EQ(nearest("xy", std::vector<std::string>{"ab"}), std::nullopt);
    EXPECT_EQ(nearest("", known), std::nullopt);
    EXPECT_EQ(did_you_mean("sorces", known), "; did you mean sources?");
    EXPECT_EQ(did_you_mean("colour", known), "");
}

}  // namespace
}  // namespace tapedeck
