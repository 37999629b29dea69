#include "sqlite/sqlite_rescue.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace tapedeck {
namespace {

// Of a second, without what other file systems refuse in a name.
std::string stamp_of(Timestamp now) {
    std::string stamp = format_rfc3339(std::chrono::floor<std::chrono::seconds>(now));
    std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
    return stamp;
}

Result<> copy_into(Database& database, const std::string& path) {
    // Reads the files as they were opened, and syncs what it writes.
    auto copy = database.prepare("vacuum into ?1");
    if (!copy) return copy.error();
    copy->bind(1, path);
    return copy->run();
}

}  // namespace

std::optional<Rescued> rescue_if_replaced(Database& database, Timestamp now) {
    const auto same = database.check_watch();
    if (same) return std::nullopt;
    const std::filesystem::path file = database.path();
    std::error_code failed;
    auto folder = std::filesystem::absolute(file, failed).parent_path();
    if (failed || !std::filesystem::is_directory(folder, failed)) {
        folder = std::filesystem::temp_directory_path(failed);
    }
    const std::string path =
        (folder / fmt::format("{}.rescued-{}", file.filename().string(), stamp_of(now))).string();
    const auto copied = copy_into(database, path);
    if (copied) return Rescued{path, same.error().what};
    return Rescued{{}, fmt::format("{}; {}", same.error().what, copied.error().what)};
}

}  // namespace tapedeck
