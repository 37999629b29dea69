#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sqlite/sqlite_file.h"

namespace tapedeck {

// Opening a file of tapedeck's to look at it. Nothing is written: no table, no lock file, no room
// on the disk is needed, nor the right to write file or folder, and nothing is ever deleted.
struct LookOptions {
    std::chrono::milliseconds busy_timeout{5'000};
    // Whether somebody may be writing the file. Asked where SQLite cannot keep its locks beside the
    // file, so that it can only be read as one that nobody changes; none: nobody knows.
    std::function<Result<bool>()> in_use{};
};

// How a file was found, and how further connections of the same kind are opened.
struct LookedAt {
    std::string path;
    std::chrono::milliseconds busy_timeout{};
    std::string parameters;            // of DatabaseOptions
    std::optional<FileWatch> watch{};  // it is read without locks, as one that nobody writes
    bool older = false;                // the part's schema is older than this program's
    std::vector<std::string>
        lens{};  // SQL: what an older file lacks, as temporary tables and views

    Result<std::unique_ptr<Database>> open() const;
};

// Whether the WAL's index is there without the WAL: SQLite makes the WAL first and deletes it last,
// so somebody else has deleted it. If the file is in use, who opens it now reads and writes at
// random.
bool lacks_its_wal(const std::string& path);
// To be said of such a file while it is in use.
Error wal_was_deleted(const std::string& path);

// For the readers of a process that has opened the file for writing itself.
LookedAt beside_own_writer(const std::string& path, std::chrono::milliseconds busy_timeout);

// What is said of a file that is not there, to those who would not make it.
Error nothing_yet(const std::string& path);

// Errors as open_file's, but a file that can only be read is well. `rejected` where there is none
// yet, `unavailable` where it cannot be read now: the text says what is missing.
Result<LookedAt> look_at(const std::string& path, const SchemaPart& part,
                         const LookOptions& options);

// What `make` makes and the file behind `database` lacks (tables, views, columns), as statements
// that give it to one connection, empty and for reading alone.
Result<std::vector<std::string>> lens_for(Database& database,
                                          const std::function<Result<>(Database&)>& make);

}  // namespace tapedeck
