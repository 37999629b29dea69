#include "sqlite/sqlite_checks.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <filesystem>

namespace tapedeck {
namespace {

constexpr std::int64_t kCheckedWhole = 8 * 1024 * 1024;

std::uint32_t big_endian(const char* bytes) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8U | static_cast<unsigned char>(bytes[i]);
    return value;
}

std::uint64_t wal_size(const std::string& path) {
    std::error_code failed;
    const auto size = std::filesystem::file_size(real_path(path) + "-wal", failed);
    return failed ? 0 : size;
}

// SQLite would delete the WAL, which somebody may be writing, or may want back.
Error wal_without_file(const std::string& path) {
    return {
        ErrorKind::corrupt,
        fmt::format("{0}: empty or missing, though its WAL is not; left as they are: put the file "
                    "back, or remove {0}-wal to begin anew",
                    path)};
}

Result<> check_structure(Database& database) {
    const auto pages = database.integer("pragma page_count");
    const auto page_size = database.integer("pragma page_size");
    if (!pages) return pages.error();
    if (!page_size) return page_size.error();
    if (pages->value_or(0) * page_size->value_or(0) <= kCheckedWhole) {
        auto check = database.prepare("pragma quick_check(1)");
        if (!check) return check.error();
        const auto row = check->step();
        if (!row) return row.error();
        if (*row && check->bytes(0) != "ok") {
            return Error{ErrorKind::corrupt, database.path() + ": damaged: " + check->text(0)};
        }
        return {};
    }
    auto tables = database.prepare(
        "select name from sqlite_schema where type = 'table' and rootpage > 0 order by name");
    if (!tables) return tables.error();
    for (;;) {
        const auto row = tables->step();
        if (!row) return row.error();
        if (!*row) return {};
        std::string name = tables->text(0);
        for (auto at = name.find('"'); at != std::string::npos; at = name.find('"', at + 2)) {
            name.insert(at, 1, '"');
        }
        const auto first = database.integer("select 1 from \"" + name + "\" limit 1");
        if (!first) return first.error();
    }
}

}  // namespace

Result<> check_regular(const std::string& path) {
    std::error_code failed;
    const auto status = std::filesystem::status(path, failed);
    if (!std::filesystem::exists(status)) {
        return wal_size(path) == 0 ? Result<>() : Result<>(wal_without_file(path));
    }
    if (std::filesystem::is_regular_file(status)) return {};
    return Error{ErrorKind::rejected, path + ": not a regular file"};
}

Result<FileForm> inspect(Database& database) {
    const std::string& path = database.path();
    sqlite3_file* file = nullptr;
    sqlite3_file_control(database.handle(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
    TAPEDECK_ASSERT(file != nullptr && file->pMethods != nullptr);
    sqlite3_int64 size = 0;
    if (const int code = file->pMethods->xFileSize(file, &size); code != SQLITE_OK) {
        return database.failure(code, "");
    }
    if (size == 0) {
        if (wal_size(path) == 0) return FileForm{true, false};
        return wal_without_file(path);
    }
    std::array<char, 100> header{};
    const int code = file->pMethods->xRead(file, header.data(), header.size(), 0);
    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) return database.failure(code, "");
    if (code != SQLITE_OK || std::memcmp(header.data(), "SQLite format 3", 16) != 0) {
        return Error{ErrorKind::corrupt,
                     path +
                         ": not an SQLite database, or its first bytes are damaged; left as "
                         "it is"};
    }
    const std::uint32_t id = big_endian(&header[68]);
    if (id != 0 && id != kApplicationId) {
        return Error{ErrorKind::rejected,
                     fmt::format("{}: a database of another program (application_id 0x{:08x}); "
                                 "left as it is",
                                 path, id)};
    }
    const std::uint64_t pages = big_endian(&header[28]);
    const std::uint64_t page_size =
        static_cast<std::uint64_t>(static_cast<unsigned char>(header[16])) << 8U |
        static_cast<unsigned char>(header[17]);
    const std::uint64_t promised = pages * (page_size == 1 ? 65536 : page_size);
    if (wal_size(path) == 0 && big_endian(&header[24]) == big_endian(&header[92]) &&
        static_cast<std::uint64_t>(size) < promised) {
        return Error{ErrorKind::corrupt, fmt::format("{}: cut short: {} bytes of {}; left as it is",
                                                     path, size, promised)};
    }
    return FileForm{false, header[19] == 2};
}

Result<int> version_of(Database& database, std::string_view part) {
    const auto table = database.integer(
        "select count(*) from sqlite_schema where type = 'table' and name = 'schema_version'");
    if (!table) return table.error();
    if (*table == 0) return 0;
    auto query = database.prepare("select max(version) from schema_version where part = ?1");
    if (!query) return query.error();
    query->bind(1, part);
    const auto row = query->step();
    if (!row) return row.error();
    return static_cast<int>(query->integer(0));
}

Result<> check_ours(Database& database, const SchemaPart& part) {
    const auto id = database.integer("pragma application_id");
    if (!id) return id.error();
    const auto objects = database.integer("select count(*) from sqlite_schema");
    if (!objects) return objects.error();
    if (id->value_or(0) != kApplicationId && (id->value_or(0) != 0 || *objects != 0)) {
        return Error{ErrorKind::rejected, database.path() +
                                              ": a database of another program (its tables are "
                                              "not tapedeck's); left as it is"};
    }
    if (auto sound = check_structure(database); !sound) return sound;
    const auto version = version_of(database, part.name);
    if (!version) return version.error();
    if (*version > static_cast<int>(part.steps.size())) {
        return Error{ErrorKind::rejected,
                     fmt::format("{}: written by a newer tapedeck ({} schema {}, this program "
                                 "knows {}); left as it is",
                                 database.path(), part.name, *version, part.steps.size())};
    }
    return {};
}

}  // namespace tapedeck
