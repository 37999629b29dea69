#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tapedeck {

struct PackedFile {
    std::string name;
    std::int64_t bytes = 0;
};

// What `spark-submit --archives` brings to every executor, as tools/spark_library.sh packs it, and
// for which machines its library was built.
struct SparkPackage {
    std::vector<PackedFile> files;
    std::string system;   // "Linux"
    std::string machine;  // "x86_64"
    std::string glibc;    // at least
    std::vector<std::string> libraries;
};

// `malformed` where the bytes are no such archive (gzip, POSIX tar) or something of it is missing.
Result<SparkPackage> read_spark_package(std::string_view archive);

}  // namespace tapedeck
