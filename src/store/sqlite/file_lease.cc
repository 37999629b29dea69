#include "store/sqlite/file_lease.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tapedeck {
namespace {

std::string lease_path(const std::string& path) { return path + "-lease"; }

Error cannot(const std::string& path, int reason) {
    return {ErrorKind::unavailable, fmt::format("{}: {}", path, std::strerror(reason))};
}

std::string read_holder(int fd) {
    std::array<char, 512> text{};
    const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
    std::string_view holder(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    holder = holder.substr(0, holder.find('\n'));
    return holder.empty() ? "another process" : std::string(holder);
}

// The whole file, by a lock of the open file itself: unlike flock(2) it can be seen by those who do
// not take it, and unlike the locks of a process it outlives another descriptor's closing.
struct flock whole_file() {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

// 0 or errno. Both kinds: a tapedeck from before the second one asks for the first.
int lock_file(int fd) {
    struct flock lock = whole_file();
    if (::fcntl(fd, F_OFD_SETLK, &lock) != 0) return errno == EACCES ? EAGAIN : errno;
    return ::flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

}  // namespace

Result<std::unique_ptr<FileLease>> FileLease::take(const std::string& path,
                                                   const std::string& holder) {
    const std::string own = lease_path(path);
    const int fd = ::open(own.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return cannot(own, errno);
    std::unique_ptr<FileLease> lease(new FileLease(own, fd));
    if (const int reason = lock_file(fd); reason != 0) {
        if (reason != EAGAIN) return cannot(own, reason);
        return Error{ErrorKind::conflict, fmt::format("{} is held by {}", own, read_holder(fd))};
    }
    const auto written = lease->write(fmt::format("{} (pid {})\n", holder, ::getpid()));
    if (!written) return written.error();
    return lease;
}

FileLease::~FileLease() {
    // The text stays, for people: whether anybody holds the lease is told by the lock alone.
    ::close(fd_);
}

Result<> FileLease::write(const std::string& text) const {
    if (::ftruncate(fd_, 0) == 0 &&
        ::pwrite(fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size())) {
        return {};
    }
    return Error{ErrorKind::unavailable,
                 fmt::format("{}: writing the holder's name: {}", path_, std::strerror(errno))};
}

Result<> FileLease::check() const {
    struct stat own {};
    struct stat named {};
    if (::fstat(fd_, &own) != 0) return cannot(path_, errno);
    if (::stat(path_.c_str(), &named) == 0 && named.st_dev == own.st_dev &&
        named.st_ino == own.st_ino) {
        return {};
    }
    return Error{ErrorKind::corrupt,
                 path_ + ": the lease was deleted, moved or replaced under its holder"};
}

Result<std::optional<std::string>> find_lease_holder(const std::string& path) {
    const std::string own = lease_path(path);
    const int fd = ::open(own.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return std::optional<std::string>();
    if (fd < 0) return cannot(own, errno);
    struct flock lock = whole_file();
    const int reason = ::fcntl(fd, F_OFD_GETLK, &lock) == 0 ? 0 : errno;
    std::optional<std::string> holder;
    if (reason == 0 && lock.l_type != F_UNLCK) holder = read_holder(fd);
    ::close(fd);
    if (reason != 0) return cannot(own, reason);
    return holder;
}

}  // namespace tapedeck
