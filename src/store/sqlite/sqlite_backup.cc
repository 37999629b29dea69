#include "store/sqlite/sqlite_backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/part_file.h"

namespace tapedeck {
namespace {

constexpr int kPagesAtOnce = 256;

Result<> copy(Database& source, Database& target, const std::function<void(int)>& progress) {
    sqlite3_backup* backup = sqlite3_backup_init(target.handle(), "main", source.handle(), "main");
    if (!backup) return target.failure(sqlite3_extended_errcode(target.handle()), "");
    int told = 0;
    int code = SQLITE_OK;
    progress(0);
    while (code == SQLITE_OK) {
        code = sqlite3_backup_step(backup, kPagesAtOnce);
        const int pages = std::max(1, sqlite3_backup_pagecount(backup));
        const std::int64_t done = pages - sqlite3_backup_remaining(backup);
        // 100 is said when the copy has its name.
        const int percent = static_cast<int>(done * 99 / pages);
        if (percent > told) progress(told = percent);
    }
    const int finished = sqlite3_backup_finish(backup);
    if (code == SQLITE_DONE) code = finished;
    if (code != SQLITE_OK) return target.failure(code, "");
    return {};
}

Result<> verify(const std::string& path) {
    auto copied = Database::open(path, {});
    if (!copied) return copied.error();
    auto check = (*copied)->prepare("pragma quick_check(1)");
    if (!check) return check.error();
    const auto row = check->step();
    if (!row) return row.error();
    if (!*row || check->bytes(0) != "ok") {
        return Error{ErrorKind::corrupt, path + ": the copy is damaged: " + check->text(0)};
    }
    return {};
}

}  // namespace

Result<> back_up(Database& source, const std::string& path,
                 const std::function<void(int percent)>& progress) {
    std::error_code failed;
    if (std::filesystem::exists(path, failed)) {
        return Error{ErrorKind::rejected, path + ": exists already"};
    }
    const PartFile part(path);
    {
        auto target = Database::open(part.path(), {});
        if (!target) return target.error();
        if (auto done = copy(source, **target, progress); !done) return done;
    }
    if (auto sound = verify(part.path()); !sound) return sound;
    if (auto synced = sync_path(part.path()); !synced) return synced;
    if (::renameat2(AT_FDCWD, part.path().c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
        if (errno == EEXIST) return Error{ErrorKind::rejected, path + ": exists already"};
        if (errno != EINVAL) return system_error(path, "naming the copy");
        // A file system without RENAME_NOREPLACE.
        if (::rename(part.path().c_str(), path.c_str()) != 0) {
            return system_error(path, "naming the copy");
        }
    }
    const auto folder = std::filesystem::absolute(path, failed).parent_path().string();
    if (auto synced = sync_path(folder); !synced) return synced;
    progress(100);
    return {};
}

Result<> back_up_file(const std::string& source, const std::string& path,
                      const std::function<void(int percent)>& progress) {
    auto database = Database::open(source, {.read_only = true});
    if (!database) return database.error();
    // One snapshot for the whole copy: without it SQLite starts anew after each write of others.
    auto done = (*database)->execute("begin; select 1 from sqlite_schema");
    if (!done) return done;
    return back_up(**database, path, progress);
}

}  // namespace tapedeck
