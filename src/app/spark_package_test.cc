#include "app/spark_package.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>

namespace tapedeck {
namespace {

constexpr const char* kPlatform =
    R"({"system": "Linux", "machine": "x86_64", "glibc": "2.28", "libraries": ["libc.so.6"]})";
const std::vector<std::pair<std::string, std::string>> kFiles{{"libtapedeck_spark.so", "\177ELF"},
                                                              {"app.py", "main()"},
                                                              {"kafka_facts.py", ""},
                                                              {"tapedeck_library.py", "x"},
                                                              {"platform.json", kPlatform}};

std::string packed(const std::string& bytes) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    std::string in = bytes;
    std::string out(deflateBound(&stream, in.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::string tar_of(const std::vector<std::pair<std::string, std::string>>& files) {
    std::string out;
    for (const auto& [name, bytes] : files) {
        std::string header(512, '\0');
        const auto put = [&](std::size_t at, const std::string& text) {
            header.replace(at, text.size(), text);
        };
        put(0, name);
        put(124, fmt::format("{:011o}", bytes.size()));
        put(148, std::string(8, ' '));
        unsigned sum = 0;
        for (const char c : header) sum += static_cast<unsigned char>(c);
        put(148, fmt::format("{:06o}", sum));
        header[154] = '\0';
        out += header + bytes;
        out.resize((out.size() + 511) / 512 * 512);
    }
    return out + std::string(1024, '\0');
}

TEST(SparkPackageFile, TellsWhatIsInIt) {
    const auto read = read_spark_package(packed(tar_of(kFiles)));
    ASSERT_TRUE(read) << read.error().what;
    ASSERT_EQ(read->files.size(), 5U);
    EXPECT_EQ(read->files[0].name, "libtapedeck_spark.so");
    EXPECT_EQ(read->files[0].bytes, 4);
    EXPECT_EQ(read->machine, "x86_64");
    EXPECT_EQ(read->glibc, "2.28");
    EXPECT_EQ(read->libraries, std::vector<std::string>{"libc.so.6"});
}

TEST(SparkPackageFile, NamesWhatIsMissing) {
    for (std::size_t i = 0; i < kFiles.size(); ++i) {
        auto files = kFiles;
        files.erase(files.begin() + static_cast<std::ptrdiff_t>(i));
        const auto read = read_spark_package(packed(tar_of(files)));
        ASSERT_FALSE(read);
        EXPECT_NE(read.error().what.find(kFiles[i].first), std::string::npos) << read.error().what;
    }
    auto files = kFiles;
    files.back().second = "{}";
    EXPECT_FALSE(read_spark_package(packed(tar_of(files))));
}

TEST(SparkPackageFile, RefusesWhatIsCutOrDamagedOrAnothers) {
    const std::string whole = packed(tar_of(kFiles));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(read_spark_package(whole.substr(0, size))) << size;
    }
    const std::string tar = tar_of(kFiles);
    EXPECT_FALSE(read_spark_package(tar)) << "not packed";
    EXPECT_FALSE(read_spark_package(packed(tar.substr(0, 900)))) << "a file that is longer";
    for (const std::size_t at : {3U, 130U, 150U}) {
        std::string damaged = tar;
        damaged[at] = static_cast<char>(damaged[at] ^ 8);
        EXPECT_FALSE(read_spark_package(packed(damaged))) << at;
    }
}

}  // namespace
}  // namespace tapedeck
