#include "sqlite/file_watch.h"

#include <sys/stat.h>

#include <filesystem>

namespace tapedeck {

std::string real_path(const std::string& path) {
    std::error_code failed;
    auto real = std::filesystem::canonical(path, failed);
    return failed ? path : real.string();
}

FileWatch::Seen FileWatch::look(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return {};
    constexpr std::int64_t kSecond = 1'000'000'000;
    return {true, status.st_dev, status.st_ino, status.st_size,
            status.st_mtim.tv_sec * kSecond + status.st_mtim.tv_nsec};
}

void FileWatch::add(const std::string& path) { files_.push_back({path, look(path)}); }

FileWatch FileWatch::of_database(const std::string& path) {
    FileWatch watch;
    watch.add(path);
    const std::string real = real_path(path);
    for (const char* suffix : {"-wal", "-shm"}) {
        watch.add(real + suffix);
        if (!watch.files_.back().seen.exists) watch.files_.pop_back();
    }
    return watch;
}

FileWatch FileWatch::of_unchanging(const std::string& path) {
    FileWatch watch;
    watch.unchanging_ = true;
    watch.add(path);
    watch.add(real_path(path) + "-wal");
    return watch;
}

std::optional<Error> FileWatch::finding() const {
    for (const Watched& file : files_) {
        const Seen now = look(file.path);
        if (unchanging_) {
            if (now.exists == file.seen.exists && now.device == file.seen.device &&
                now.inode == file.seen.inode && now.size == file.seen.size &&
                now.changed_ns == file.seen.changed_ns) {
                continue;
            }
            return Error{ErrorKind::unavailable,
                         file.path + ": somebody began to write it while it was read: ask again"};
        }
        if (!now.exists) {
            return Error{ErrorKind::corrupt,
                         file.path + ": was deleted or moved while it was written"};
        }
        if (now.device != file.seen.device || now.inode != file.seen.inode) {
            return Error{ErrorKind::corrupt,
                         file.path + ": another file has taken its place while it was written"};
        }
    }
    return std::nullopt;
}

}  // namespace tapedeck
