#include "app/spark_package.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace tapedeck {
namespace {

constexpr std::size_t kMostUnpacked = std::size_t{512} << 20U;
constexpr std::size_t kBlock = 512;  // of a tar

Error no_package(std::string_view why) {
    return {ErrorKind::malformed, fmt::format("is no archive of tools/spark_library.sh: {}", why)};
}

Result<std::string> unpacked(std::string_view packed) {
    z_stream stream{};
    constexpr int kGzip = 16;
    if (inflateInit2(&stream, MAX_WBITS + kGzip) != Z_OK) return no_package("no memory");
    // zlib's interface is older than const.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    std::string out;
    std::array<char, 1U << 16U> part{};
    int state = Z_OK;
    while (state == Z_OK && out.size() <= kMostUnpacked) {
        stream.next_out = reinterpret_cast<Bytef*>(part.data());
        stream.avail_out = part.size();
        state = inflate(&stream, Z_NO_FLUSH);
        out.append(part.data(), part.size() - stream.avail_out);
    }
    inflateEnd(&stream);
    if (state != Z_STREAM_END) return no_package("it is not gzip's, or it was cut");
    return out;
}

// The number in a field of a tar's header: octal, with spaces or NULs about it.
std::int64_t octal(std::string_view field) {
    const std::size_t begin = std::min(field.find_first_not_of(' '), field.size());
    std::int64_t value = -1;
    std::from_chars(field.data() + begin, field.data() + field.size(), value, 8);
    return value;
}

// Its bytes added up, with spaces in place of the field that holds the sum.
bool has_its_sum(std::string_view header) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
        sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
    }
    return octal(header.substr(148, 8)) == sum;
}

Result<> read_platform(std::string_view json, SparkPackage& package) {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    const simdjson::padded_string bytes(json);
    const auto text = [&](std::string_view key, std::string& out) {
        std::string_view value;
        const bool is_there = root[key].get_string().get(value) == simdjson::SUCCESS;
        out = is_there ? value : "";
        return is_there;
    };
    if (parser.parse(bytes).get(root) != simdjson::SUCCESS || !text("system", package.system) ||
        !text("machine", package.machine) || !text("glibc", package.glibc)) {
        return no_package("its platform.json says nothing of a machine");
    }
    simdjson::dom::array libraries;
    if (root["libraries"].get_array().get(libraries) != simdjson::SUCCESS) return {};
    for (const auto& one : libraries) {
        std::string_view name;
        if (one.get_string().get(name) == simdjson::SUCCESS) package.libraries.emplace_back(name);
    }
    return {};
}

}  // namespace

Result<SparkPackage> read_spark_package(std::string_view archive) {
    const auto tar = unpacked(archive);
    if (!tar) return tar.error();
    SparkPackage package;
    std::string_view platform;
    for (std::size_t at = 0; at + kBlock <= tar->size() && (*tar)[at] != '\0';) {
        const std::string_view header = std::string_view(*tar).substr(at, kBlock);
        const std::int64_t size = octal(header.substr(124, 12));
        const auto rest = static_cast<std::int64_t>(tar->size() - at - kBlock);
        if (!has_its_sum(header) || size < 0 || size > rest)
            return no_package("its tar is damaged");
        const std::string_view name =
            header.substr(0, std::min<std::size_t>(header.find('\0'), 100));
        const auto bytes = static_cast<std::size_t>(size);
        package.files.push_back({std::string(name), size});
        if (name == "platform.json") platform = std::string_view(*tar).substr(at + kBlock, bytes);
        at += kBlock + (bytes + kBlock - 1) / kBlock * kBlock;
    }
    for (const std::string_view needed : {"libtapedeck_spark.so", "tapedeck_library.py",
                                          "kafka_facts.py", "app.py", "platform.json"}) {
        if (std::ranges::find(package.files, needed, &PackedFile::name) != package.files.end()) {
            continue;
        }
        return no_package(fmt::format("it lacks {}", needed));
    }
    if (auto read = read_platform(platform, package); !read) return read.error();
    return package;
}

}  // namespace tapedeck
