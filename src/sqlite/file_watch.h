#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace tapedeck {

// The file that a path leads to through links. SQLite puts what belongs to a database beside that.
std::string real_path(const std::string& path);

// Notices that a file which somebody has open was deleted, moved or replaced, by device and inode:
// what is written then goes where nobody will find it. Costs a stat(2) a file.
class FileWatch {
public:
    // The database at `path` with its WAL and what SQLite shares beside it, as they are now; those
    // of them that are missing now are not watched.
    static FileWatch of_database(const std::string& path);
    // The same, for a file that is read as one that nobody writes: no byte of it may change, and
    // no WAL may come.
    static FileWatch of_unchanging(const std::string& path);

    // What has become of the first of them that is not what it was: `corrupt`, or `unavailable` for
    // one that is only read.
    std::optional<Error> finding() const;

private:
    struct Seen {
        bool exists = false;
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        std::int64_t size = 0;
        std::int64_t changed_ns = 0;
    };
    struct Watched {
        std::string path;
        Seen seen;
    };
    FileWatch() = default;
    static Seen look(const std::string& path);
    void add(const std::string& path);

    std::vector<Watched> files_;
    bool unchanging_ = false;
};

}  // namespace tapedeck
