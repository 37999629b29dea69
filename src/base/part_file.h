#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tapedeck {

// `unavailable`: "PATH: DOING: " and what errno says.
Error system_error(const std::string& path, std::string_view doing);

// Brings a file or a folder's entries to the disk.
Result<> sync_path(const std::string& path);

// A backup in progress, at its path with ".part" behind; it goes, with what SQLite puts beside it,
// when it is not given its name.
class PartFile {
public:
    explicit PartFile(const std::string& path) : path_(path + ".part") { remove(); }
    ~PartFile() { remove(); }
    PartFile(const PartFile&) = delete;
    PartFile& operator=(const PartFile&) = delete;
    const std::string& path() const { return path_; }

private:
    void remove();
    const std::string path_;
};

}  // namespace tapedeck
