#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>

#include "lambda/elf_file.h"
#include "lambda/zip_file.h"

namespace tapedeck {
namespace {

std::string own_program() {
    std::ifstream file("/proc/self/exe", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ElfFile, ReadsWhatThisProgramNeeds) {
    const std::string bytes = own_program();
    const auto needs = read_elf(bytes);
    ASSERT_TRUE(needs) << needs.error().what;
    EXPECT_THAT(needs->libraries, ::testing::Contains("libc.so.6"));
    EXPECT_THAT(needs->highest_glibc, ::testing::StartsWith("2."));
    EXPECT_FALSE(needs->stripped);
}

TEST(ElfFile, RefusesOrSurvivesWhatIsNone) {
    EXPECT_FALSE(read_elf(""));
    EXPECT_FALSE(read_elf("#!/bin/sh"));
    const std::string bytes = own_program();
    for (std::size_t size = 0; size < 4'096; size += 61) {
        static_cast<void>(read_elf(std::string_view(bytes).substr(0, size)));
    }
    std::string wrong = bytes.substr(0, 65'536);
    for (std::size_t at = 24; at < 1'200; ++at) {  // offsets, counts and addresses
        const char kept = wrong[at];
        wrong[at] = '\xFF';
        static_cast<void>(read_elf(wrong));
        wrong[at] = kept;
    }
}

TEST(ZipFile, HoldsTheBytesAndIsTheSameEachTime) {
    std::string bytes;
    for (unsigned i = 0; i < 200'000; ++i) bytes += static_cast<char>(i * i >> 3U);
    const std::string zip = zip_of("bootstrap", bytes);
    EXPECT_EQ(zip, zip_of("bootstrap", bytes));
    EXPECT_EQ(zip.substr(0, 4), "PK\3\4");
    EXPECT_EQ(zip.substr(30, 9), "bootstrap");
    z_stream stream{};
    ASSERT_EQ(inflateInit2(&stream, -MAX_WBITS), Z_OK);
    std::string out(bytes.size() + 1, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zip.data() + 39));
    stream.avail_in = static_cast<uInt>(zip.size() - 39);
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    inflateEnd(&stream);
    EXPECT_TRUE(out == bytes);
}

}  // namespace
}  // namespace tapedeck
