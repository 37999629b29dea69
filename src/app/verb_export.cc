#include <fmt/format.h>

#include "app/export_rows.h"
#include "app/output_file.h"
#include "app/own_files.h"
#include "app/verbs.h"

namespace tapedeck {
namespace {

constexpr std::size_t kPiece = 256 * 1024;

// Where an export goes: standard output, or a file.
class Output {
public:
    static Result<Output> open(const std::string& path) {
        if (path.empty()) return Output(nullptr);
        auto file = OutputFile::open(path);
        if (!file) return file.error();
        return Output(*std::move(file));
    }

    Result<> write(std::string_view text) {
        if (file_) return file_->write(text);
        // Standard output's own fault is told where the program ends.
        return print(text) ? Result<>() : Error{ErrorKind::rejected, {}};
    }

    Result<> finish() { return file_ ? file_->finish() : Result<>(); }

private:
    explicit Output(std::unique_ptr<OutputFile> file) : file_(std::move(file)) {}

    std::unique_ptr<OutputFile> file_;
};

}  // namespace

Exit verb_export(const Globals& globals, const ExportOptions& options) {
    auto reader = open_reader(globals);
    if (!reader) return fail_opening(reader.error());
    const auto span = span_of(globals, options.span, reader->now);
    if (!span) return fail(Exit::usage, span.error().what);
    const auto known_at = moment_of(globals, "--as-known-at", options.known_at, reader->now);
    if (!known_at) return fail(Exit::usage, known_at.error().what);
    if (!options.span.feed.empty() && !reader->feeds.contains(options.span.feed)) {
        return fail(Exit::not_found, "there is no feed " + options.span.feed);
    }
    if (auto free = check_output_path(reader->assembly->settings(), options.file); !free) {
        return fail(free.error());
    }
    auto output = Output::open(options.file);
    if (!output) return fail(output.error());
    const bool csv = options.format == "csv" && !globals.json;
    std::string piece = csv ? csv_header() : std::string();
    std::int64_t rows = 0;
    OddPrices odd;
    const ExportChoice choice{*span, options.span.feed,
                              meant_instrument(*reader, options.span.feed, options.span.instrument),
                              *known_at, options.all};
    auto done = each_row(reader->assembly->store(), reader->feeds, choice,
                         [&](const ExportRow& row) -> Result<> {
                             ++rows;
                             odd.look_at(row);
                             if (csv) {
                                 append_csv(piece, row);
                             } else {
                                 append_json_line(piece, row);
                             }
                             if (piece.size() < kPiece) return {};
                             auto written = output->write(piece);
                             piece.clear();
                             return written;
                         });
    if (done) done = output->write(piece);
    if (done) done = output->finish();
    if (!done) return done.error().what.empty() ? Exit::failed : fail(done.error());
    if (!odd.sentence().empty() && !globals.quiet) {
        fail(Exit::fine, odd.sentence() + "; exported as the database has it");
    }
    if (!options.file.empty() && !globals.quiet) {
        fail(Exit::fine, fmt::format("{} rows in {}", rows, options.file));
    }
    return Exit::fine;
}

}  // namespace tapedeck
