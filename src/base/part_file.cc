#include "base/part_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace tapedeck {

Error system_error(const std::string& path, std::string_view doing) {
    return {ErrorKind::unavailable, fmt::format("{}: {}: {}", path, doing, std::strerror(errno))};
}

Result<> sync_path(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return system_error(path, "syncing");
    const int code = ::fsync(fd);
    ::close(fd);
    if (code != 0) return system_error(path, "syncing");
    return {};
}

void PartFile::remove() {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
        std::error_code ignored;  // most of them are not there
        std::filesystem::remove(path_ + suffix, ignored);
    }
}

}  // namespace tapedeck
