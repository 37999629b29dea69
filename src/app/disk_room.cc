#include "app/disk_room.h"

#include <sys/statvfs.h>

#include <filesystem>
#include <variant>
#include <vector>

namespace tapedeck {
namespace {

std::optional<std::int64_t> room_beside(const std::string& path) {
    std::error_code failed;
    const auto folder = std::filesystem::absolute(path, failed).parent_path();
    return failed ? std::nullopt : free_in(folder.string());
}

}  // namespace

std::optional<std::int64_t> free_in(const std::string& folder) {
    struct statvfs disk {};
    if (::statvfs(folder.c_str(), &disk) != 0) return std::nullopt;
    return static_cast<std::int64_t>(disk.f_bavail * disk.f_frsize);
}

std::int64_t free_on_disk_of(const std::string& path) { return room_beside(path).value_or(0); }

std::optional<std::string> file_without_room(const Settings& settings) {
    std::vector<std::string> files{journal_path(settings)};
    if (const auto* store = std::get_if<SqliteUrl>(&settings.store.url.target)) {
        files.push_back(store->path);
    }
    if (const auto* tape = std::get_if<SqliteUrl>(&settings.tape.url.target)) {
        files.push_back(tape->path);
    }
    for (const std::string& file : files) {
        const auto room = room_beside(file);
        if (room && *room < kLeastRoom) return file;
    }
    return std::nullopt;
}

}  // namespace tapedeck
