#include "captures/sqlite/capture_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "sqlite/file_watch.h"

namespace tapedeck {
namespace {

constexpr std::string_view kDamaged = ".damaged-";

struct Seen {
    std::uint64_t inode = 0;  // 0: there is none
    std::int64_t size = 0;
};

Seen look(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return {};
    return {status.st_ino, status.st_size};
}

std::string note_path(const std::string& path) { return path + "-pair"; }

// Of a second, without what other file systems refuse in a name.
std::string stamp_of(Timestamp now) {
    std::string stamp = format_rfc3339(std::chrono::floor<std::chrono::seconds>(now));
    std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
    return stamp;
}

// `name`, or with the first number behind it that neither a file nor a WAL has yet.
std::string free_name(const std::string& name) {
    std::error_code ignored;
    std::string out = name;
    for (int i = 2;
         std::filesystem::exists(out, ignored) || std::filesystem::exists(out + "-wal", ignored);
         ++i) {
        out = fmt::format("{}-{}", name, i);
    }
    return out;
}

// Well where there is nothing to be moved.
Result<> move_file(const std::string& from, const std::string& to) {
    std::error_code failed;
    std::filesystem::rename(from, to, failed);
    if (!failed || failed == std::errc::no_such_file_or_directory) return {};
    return Error{ErrorKind::unavailable,
                 fmt::format("{}: moving it to {}: {}", from, to, failed.message())};
}

}  // namespace

void note_pair(const std::string& path) {
    const Seen file = look(path);
    const Seen wal = look(real_path(path) + "-wal");
    // Where it cannot be written, what was noted before may be of files that are no more.
    std::error_code ignored;
    std::filesystem::remove(note_path(path), ignored);
    if (file.inode == 0 || wal.inode == 0) return;
    std::ofstream note(note_path(path), std::ios::trunc);
    note << file.inode << ' ' << wal.inode << '\n';
}

bool has_foreign_wal(const std::string& path) {
    std::uint64_t file = 0;
    std::uint64_t wal = 0;
    std::ifstream note(note_path(path));
    if (!(note >> file >> wal)) return false;
    return look(real_path(path) + "-wal").inode == wal && look(path).inode != file;
}

Result<> part_from_foreign_wal(const std::string& path, Timestamp now) {
    if (!has_foreign_wal(path)) return {};
    const std::string real = real_path(path);
    std::error_code failed;
    if (look(real + "-wal").size == 0) {
        std::filesystem::remove(real + "-wal", failed);
    } else {
        const std::string name = free_name(path + ".left-" + stamp_of(now));
        if (auto moved = move_file(real + "-wal", name + "-wal"); !moved) return moved;
    }
    std::filesystem::remove(real + "-shm", failed);  // an index of that WAL, which SQLite can make
    return {};
}

Result<std::string> set_aside(const std::string& path, Timestamp now) {
    const std::string real = real_path(path);
    const std::string name = free_name(fmt::format("{}{}{}", path, kDamaged, stamp_of(now)));
    // The file last: until then what is beside it cannot be taken for a new one's.
    for (const char* suffix : {"-shm", "-wal"}) {
        if (auto moved = move_file(real + suffix, name + suffix); !moved) return moved.error();
    }
    if (auto moved = move_file(path, name); !moved) return moved.error();
    return name;
}

std::vector<std::string> files_set_aside(const std::string& path) {
    std::error_code failed;
    const std::filesystem::path file = std::filesystem::absolute(path, failed);
    const std::string begin = file.filename().string().append(kDamaged);
    std::vector<std::string> out;
    for (std::filesystem::directory_iterator at(file.parent_path(), failed), end;
         !failed && at != end; at.increment(failed)) {
        const std::string name = at->path().filename().string();
        if (!name.starts_with(begin) || name.ends_with("-shm")) continue;
        const bool is_beside = name.ends_with("-wal");  // of a file, unless that was missing
        std::error_code ignored;
        if (is_beside && std::filesystem::exists(
                             file.parent_path() / name.substr(0, name.size() - 4), ignored)) {
            continue;
        }
        out.push_back((std::filesystem::path(path).parent_path() / name).string());
    }
    std::ranges::sort(out);
    return out;
}

}  // namespace tapedeck
