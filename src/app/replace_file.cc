// The file side of config_edit.h.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "app/config_edit.h"

namespace tapedeck {
namespace {

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

// Removes the new file unless it took the old one's place.
class Scratch {
public:
    explicit Scratch(std::string path) : path_(std::move(path)) {}
    ~Scratch() {
        if (!path_.empty()) ::unlink(path_.c_str());
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    void keep() { path_.clear(); }

private:
    std::string path_;
};

Error failed(std::string_view step, const std::string& path) {
    return {ErrorKind::unavailable,
            fmt::format("cannot {} {}: {}", step, path, std::strerror(errno))};
}

Result<> write_all(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failed("write", path);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

// Mode and owner of the old file for the new one.
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
    return {};
}

Result<> still_as_expected(const std::string& path, const std::optional<std::string>& expected) {
    std::error_code fault;
    const bool exists = std::filesystem::exists(path, fault);
    if (exists != expected.has_value()) {
        return Error{ErrorKind::conflict,
                     fmt::format("{} was {} meanwhile", path, exists ? "made" : "removed")};
    }
    if (!exists) return {};
    const auto now = read_text_file(path);
    if (!now) return now.error();
    if (*now == *expected) return {};
    return Error{ErrorKind::conflict, fmt::format("{} was changed meanwhile", path)};
}

}  // namespace

Result<> replace_file(const std::string& path, std::string_view text,
                      const std::optional<std::string>& expected) {
    std::error_code fault;
    const std::string target = std::filesystem::exists(path, fault)
                                   ? std::filesystem::canonical(path, fault).string()
                                   : path;
    if (fault) return Error{ErrorKind::unavailable, fmt::format("{}: {}", path, fault.message())};
    const std::filesystem::path place(target);
    const std::string folder =
        place.has_parent_path() ? place.parent_path().string() : std::string(".");
    const std::string fresh =
        fmt::format("{}/.{}.{}.tmp", folder, place.filename().string(), ::getpid());
    ::unlink(fresh.c_str());  // left by a process of this number that was killed
    const Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (file.get() < 0) return failed("make", fresh);
    Scratch scratch(fresh);
    if (expected) {
        if (auto taken = take_over(file.get(), target); !taken) return taken.error();
    }
    if (auto written = write_all(file.get(), text, fresh); !written) return written.error();
    if (::fsync(file.get()) != 0) return failed("write", fresh);
    if (auto same = still_as_expected(target, expected); !same) return same.error();
    if (::rename(fresh.c_str(), target.c_str()) != 0) return failed("replace", target);
    scratch.keep();
    const Descriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent.get() < 0 || ::fsync(parent.get()) != 0) return failed("write", folder);
    return {};
}

}  // namespace tapedeck
