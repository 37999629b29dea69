#include "app/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>

#include "base/system_fault.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // the kernel's own limit
constexpr int kFirstOfOurs = 3;
constexpr const char* kAccessList = "system.posix_acl_access";

Error failed(std::string_view step, const std::string& path) {
    return {ErrorKind::rejected, fmt::format("cannot {} {}: {}", step, path, system_fault(errno))};
}

Error refused(const std::string& path, std::string_view why) {
    return {ErrorKind::rejected, fmt::format("cannot write {}: it is {}", path, why)};
}

// The descriptor that an entry of a folder such as /proc/12/fd names, where 12 is this process.
std::optional<int> own_descriptor(const fs::path& folder, const std::string& name) {
    if (folder != fs::path(fmt::format("/proc/{}/fd", ::getpid()))) return std::nullopt;
    int number = -1;
    const auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (fault != std::errc() || end != name.data() + name.size()) return std::nullopt;
    return number;
}

// What is written to and what cannot be; nothing for a symbolic link.
Result<std::optional<OutputPlace>> judge(const struct stat& status, const std::string& path,
                                         const std::string& asked) {
    using Kind = OutputPlace::Kind;
    if (S_ISLNK(status.st_mode)) return std::optional<OutputPlace>();
    if (S_ISREG(status.st_mode)) return std::optional(OutputPlace{Kind::regular, path});
    if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
        return std::optional(OutputPlace{Kind::stream, path});
    }
    return refused(asked, S_ISDIR(status.st_mode)   ? "a folder"
                          : S_ISBLK(status.st_mode) ? "a disk"
                                                    : "a socket");
}

// Mode, owner and access list of the old file for the new one.
Result<> take_over(int fd, const std::string& path) {
    struct stat old {};
    struct stat fresh {};
    if (::stat(path.c_str(), &old) != 0) return failed("look at", path);
    if (::fstat(fd, &fresh) != 0) return failed("look at", path);
    const bool other_owner = old.st_uid != fresh.st_uid || old.st_gid != fresh.st_gid;
    if (other_owner && ::fchown(fd, old.st_uid, old.st_gid) != 0) {
        return failed("keep the owner of", path);
    }
    if (::fchmod(fd, old.st_mode & 07777) != 0) return failed("keep the mode of", path);
    char list[4096];
    const ssize_t size = ::getxattr(path.c_str(), kAccessList, list, sizeof list);
    if (size > 0 && ::fsetxattr(fd, kAccessList, list, static_cast<std::size_t>(size), 0) != 0) {
        return failed("keep the access list of", path);
    }
    return {};
}

// The name's place in its folder is durable as well.
Result<> sync_folder(const std::string& path, int written) {
    const std::string folder = fs::path(path).parent_path().string();
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // A folder that may be written and not read: then all of its file system.
    const int code = fd >= 0 ? ::fsync(fd) : ::syncfs(written);
    const int fault = errno;
    if (fd >= 0) ::close(fd);
    errno = fault;
    if (code != 0 && fault != EINVAL) return failed("write", folder);
    return {};
}

Result<int> open_stream(const OutputPlace& place) {
    const int fd = place.descriptor >= 0
                       ? ::fcntl(place.descriptor, F_DUPFD_CLOEXEC, kFirstOfOurs)
                       : ::open(place.path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return failed("write", place.path);
    return fd;
}

}  // namespace

Result<OutputPlace> output_place(const std::string& asked) {
    fs::path path = asked;
    for (int links = 0; links < kMostLinks; ++links) {
        const std::string name = path.filename().string();
        if (name.empty() || name == "." || name == "..") return refused(asked, "a folder");
        std::error_code fault;
        const fs::path folder =
            fs::canonical(path.has_parent_path() ? path.parent_path() : ".", fault);
        if (fault) {
            errno = fault.value();
            return failed("write", asked);
        }
        const std::string full = (folder / name).string();
        // What this process was given open stays what it is, where it stands: never a new file.
        if (const auto own = own_descriptor(folder, name)) {
            return OutputPlace{OutputPlace::Kind::stream, asked, *own};
        }
        struct stat status {};
        if (::lstat(full.c_str(), &status) != 0) {
            if (errno != ENOENT) return failed("write", asked);
            if (links > 0)
                return refused(asked, fmt::format("a link to {}, which is not there", full));
            return OutputPlace{OutputPlace::Kind::absent, full};
        }
        const auto place = judge(status, full, asked);
        if (!place) return place.error();
        if (*place) return **place;
        const fs::path target = fs::read_symlink(full, fault);
        if (fault) {
            errno = fault.value();
            return failed("write", asked);
        }
        path = target.is_absolute() ? target : folder / target;
    }
    errno = ELOOP;
    return failed("write", asked);
}

Result<std::unique_ptr<OutputFile>> OutputFile::open(const std::string& path) {
    auto place = output_place(path);
    if (!place) return place.error();
    if (place->kind == OutputPlace::Kind::stream) {
        const auto fd = open_stream(*place);
        if (!fd) return fd.error();
        return std::unique_ptr<OutputFile>(new OutputFile(*std::move(place), *fd, {}));
    }
    // A name of its own length, as the file's may be as long as names can be.
    const std::string fresh =
        (fs::path(place->path).parent_path() / fmt::format(".tapedeck.{}.tmp", ::getpid()))
            .string();
    ::unlink(fresh.c_str());  // left by a process of this number that was killed
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return failed("make", fresh);
    std::unique_ptr<OutputFile> file(new OutputFile(*std::move(place), fd, fresh));
    if (file->place_.kind == OutputPlace::Kind::regular) {
        if (auto taken = take_over(fd, file->place_.path); !taken) return taken.error();
    }
    return file;
}

OutputFile::~OutputFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!fresh_.empty()) ::unlink(fresh_.c_str());
}

Result<> OutputFile::write(std::string_view text) {
    while (!text.empty()) {
        const auto wrote = ::write(fd_, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return failed("write", place_.path);
        text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return {};
}

Result<> OutputFile::finish() {
    if (fresh_.empty()) {
        const int code = ::close(fd_);
        fd_ = -1;
        return code == 0 ? Result<>() : failed("write", place_.path);
    }
    if (::fsync(fd_) != 0) return failed("write", place_.path);
    // What stands there now is what stood there at the start: else somebody else made it.
    struct stat status {};
    const bool is_there = ::lstat(place_.path.c_str(), &status) == 0;
    if (is_there && !S_ISREG(status.st_mode)) {
        return refused(place_.path, "no regular file any more");
    }
    if (::rename(fresh_.c_str(), place_.path.c_str()) != 0) return failed("replace", place_.path);
    fresh_.clear();
    return sync_folder(place_.path, fd_);
}

}  // namespace tapedeck
