#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "app/export_rows.h"
#include "app/verbs.h"

namespace tapedeck {
namespace {

constexpr std::size_t kPiece = 256 * 1024;

// Where an export goes: standard output, or a file that has its name only when it is whole.
class Output {
public:
    static Result<std::unique_ptr<Output>> open(const std::string& path) {
        if (path.empty()) return std::unique_ptr<Output>(new Output(STDOUT_FILENO, {}, {}));
        const std::string fresh = fmt::format("{}.{}.tmp", path, ::getpid());
        const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd < 0) return failed("make", fresh);
        return std::unique_ptr<Output>(new Output(fd, path, fresh));
    }
    ~Output() {
        if (fresh_.empty()) return;
        if (fd_ >= 0) ::close(fd_);
        ::unlink(fresh_.c_str());
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    Result<> write(std::string_view text) {
        while (!text.empty()) {
            const auto wrote = ::write(fd_, text.data(), text.size());
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote < 0) return failed("write", path_.empty() ? "standard output" : path_);
            text.remove_prefix(static_cast<std::size_t>(wrote));
        }
        return {};
    }

    // Durable, and under its name.
    Result<> finish() {
        if (fresh_.empty()) return {};
        if (::fsync(fd_) != 0) return failed("write", fresh_);
        const int code = ::close(fd_);
        fd_ = -1;
        if (code != 0) return failed("write", fresh_);
        if (::rename(fresh_.c_str(), path_.c_str()) != 0) return failed("replace", path_);
        fresh_.clear();
        return {};
    }

private:
    Output(int fd, std::string path, std::string fresh)
        : fd_(fd), path_(std::move(path)), fresh_(std::move(fresh)) {}
    static Error failed(std::string_view step, const std::string& path) {
        return {ErrorKind::rejected,
                fmt::format("cannot {} {}: {}", step, path, std::strerror(errno))};
    }

    int fd_;
    std::string path_;
    std::string fresh_;  // empty: standard output, or finished
};

}  // namespace

Exit verb_export(const Globals& globals, const ExportOptions& options) {
    auto reader = open_reader(globals);
    if (!reader) return fail_opening(reader.error());
    const auto span = span_of(options.span, reader->now);
    if (!span) return fail(Exit::usage, span.error().what);
    if (!options.span.feed.empty() && !reader->feeds.contains(options.span.feed)) {
        return fail(Exit::not_found, "there is no feed " + options.span.feed);
    }
    auto output = Output::open(options.file);
    if (!output) return fail(output.error());
    const bool csv = options.format == "csv" && !globals.json;
    std::string piece = csv ? csv_header() : std::string();
    std::int64_t rows = 0;
    const ExportChoice choice{*span, options.span.feed, options.span.instrument, options.known_at,
                              options.all};
    auto done = each_row(reader->assembly->store(), reader->feeds, choice,
                         [&](const ExportRow& row) -> Result<> {
                             ++rows;
                             if (csv) {
                                 append_csv(piece, row);
                             } else {
                                 append_json_line(piece, row);
                             }
                             if (piece.size() < kPiece) return {};
                             auto written = (*output)->write(piece);
                             piece.clear();
                             return written;
                         });
    if (done) done = (*output)->write(piece);
    if (done) done = (*output)->finish();
    if (!done) return fail(done.error());
    if (!options.file.empty() && !globals.quiet) {
        fail(Exit::fine, fmt::format("{} rows in {}", rows, options.file));
    }
    return Exit::fine;
}

}  // namespace tapedeck
