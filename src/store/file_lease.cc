#include "store/file_lease.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tapedeck {
namespace {

class FileLease : public Lease {
public:
    explicit FileLease(int fd) : fd_(fd) {}
    ~FileLease() override {
        // The text is for people only; the lock goes with the descriptor in any case.
        if (::ftruncate(fd_, 0) != 0) errno = 0;
        ::close(fd_);
    }
    FileLease(const FileLease&) = delete;
    FileLease& operator=(const FileLease&) = delete;

    Result<> write(const std::string& path, const std::string& text) const {
        if (::ftruncate(fd_, 0) == 0 &&
            ::pwrite(fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size())) {
            return {};
        }
        return Error{ErrorKind::unavailable,
                     fmt::format("{}: writing the holder's name: {}", path, std::strerror(errno))};
    }

private:
    const int fd_;
};

std::string read_holder(int fd) {
    std::array<char, 512> text{};
    const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
    std::string_view holder(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    holder = holder.substr(0, holder.find('\n'));
    return holder.empty() ? "another process" : std::string(holder);
}

}  // namespace

Result<std::unique_ptr<Lease>> lease_file(const std::string& path, const std::string& holder) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        return Error{ErrorKind::unavailable, fmt::format("{}: {}", path, std::strerror(errno))};
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const int reason = errno;
        const std::string by = read_holder(fd);
        ::close(fd);
        if (reason == EWOULDBLOCK) {
            return Error{ErrorKind::conflict, fmt::format("{} is held by {}", path, by)};
        }
        return Error{ErrorKind::unavailable, fmt::format("{}: {}", path, std::strerror(reason))};
    }
    auto lease = std::make_unique<FileLease>(fd);
    const auto written = lease->write(path, fmt::format("{} (pid {})\n", holder, ::getpid()));
    if (!written) return written.error();
    return std::unique_ptr<Lease>(std::move(lease));
}

}  // namespace tapedeck
