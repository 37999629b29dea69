#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tapedeck {

// Where a path that a person gave leads, symbolic links followed one by one.
struct OutputPlace {
    enum class Kind {
        absent,   // nothing is there, and its folder is
        regular,  // a file, whose content may be replaced
        stream,   // a pipe or a device: written to and never replaced
    };
    Kind kind;
    std::string path;  // with no link at its end
    int descriptor =
        -1;  // of a stream: the one of this process that the path names, as /dev/stdout
};

// `rejected` where nothing can be written there: a folder, a socket, a disk, a link to nothing, or
// a folder that is not there.
Result<OutputPlace> output_place(const std::string& path);

// A file that a person asked for: it has its name, and the old one's place, only when it is whole,
// and keeps the old one's mode, owner and access list. A stream is written to as it is. Errors are
// `rejected` and name the path.
class OutputFile {
public:
    // Waits, where the path is a pipe that nobody reads yet.
    static Result<std::unique_ptr<OutputFile>> open(const std::string& path);
    ~OutputFile();  // removes what was not finished
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    const OutputPlace& place() const { return place_; }
    Result<> write(std::string_view text);
    Result<> finish();  // durable, and under its name

private:
    OutputFile(OutputPlace place, int fd, std::string fresh)
        : place_(std::move(place)), fd_(fd), fresh_(std::move(fresh)) {}

    const OutputPlace place_;
    int fd_;
    std::string fresh_;  // the file that is not whole yet; empty: a stream, or finished
};

}  // namespace tapedeck
