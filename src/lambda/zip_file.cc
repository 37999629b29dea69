#include "lambda/zip_file.h"

#include <zlib.h>

#include <cstdint>

#include "base/assert.h"

namespace tapedeck {
namespace {

constexpr std::uint32_t kFirstDay = 0x0021;  // 1980-01-01, as MS-DOS has dates
constexpr std::uint32_t kUnix = 0x031E;      // made on Unix, by version 3.0
constexpr std::uint32_t kExecutable = 0100755U << 16U;

void put(std::string& out, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

// As a stream without zlib's own frame (RFC 1951).
std::string deflated(std::string_view bytes) {
    z_stream stream{};
    const int begun =
        deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
    TAPEDECK_ASSERT(begun == Z_OK);
    std::string out(deflateBound(&stream, bytes.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int ended = deflate(&stream, Z_FINISH);
    TAPEDECK_ASSERT(ended == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

}  // namespace

std::string zip_of(std::string_view name, std::string_view bytes) {
    TAPEDECK_ASSERT(bytes.size() < (std::uint32_t{1} << 31));
    const std::string packed = deflated(bytes);
    const auto sum = static_cast<std::uint32_t>(
        crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
    std::string common;  // of both of the file's headers
    put(common, 20, 2);  // needs version 2.0
    put(common, 0, 2);
    put(common, Z_DEFLATED, 2);
    put(common, kFirstDay << 16U, 4);
    put(common, sum, 4);
    put(common, static_cast<std::uint32_t>(packed.size()), 4);
    put(common, static_cast<std::uint32_t>(bytes.size()), 4);
    put(common, static_cast<std::uint32_t>(name.size()), 2);
    put(common, 0, 2);  // nothing extra
    std::string out = "PK\3\4" + common;
    out.append(name).append(packed);
    const auto directory = static_cast<std::uint32_t>(out.size());
    out += "PK\1\2";
    put(out, kUnix, 2);
    out += common;
    put(out, 0, 2);  // no comment
    put(out, 0, 2);  // the first disk
    put(out, 0, 2);
    put(out, kExecutable, 4);
    put(out, 0, 4);  // where its header is
    out.append(name);
    const auto size = static_cast<std::uint32_t>(out.size()) - directory;
    out += "PK\5\6";
    put(out, 0, 4);
    put(out, 1, 2);
    put(out, 1, 2);
    put(out, size, 4);
    put(out, directory, 4);
    put(out, 0, 2);
    return out;
}

}  // namespace tapedeck
