#include <fmt/format.h>

#include <filesystem>

#include "app/load_globals.h"
#include "app/spans.h"
#include "app/verbs.h"
#include "base/json_writer.h"

namespace tapedeck {

Exit verb_backup(const Globals& globals, const BackupOptions& options) {
    std::error_code ignored;
    if (std::filesystem::exists(options.file, ignored)) {
        return fail(Exit::failed,
                    fmt::format("{} exists already, and a copy never takes the place of a file; "
                                "name another or move it away",
                                options.file));
    }
    const auto folder = std::filesystem::absolute(options.file, ignored).parent_path();
    if (!std::filesystem::is_directory(folder, ignored)) {
        return fail(Exit::not_found, fmt::format("there is no folder {} for the copy {}",
                                                 folder.string(), options.file));
    }
    auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    Assembly::Options opening;
    opening.tape = TapeUse::look;
    opening.only_look = true;
    opening.captures = false;
    opening.log_least = Severity::error;
    auto assembly = Assembly::open(*std::move(config), std::move(opening));
    if (!assembly) return fail_opening(assembly.error());
    {
        Progress progress("copying");
        const auto done = (*assembly)->store().backup(options.file, [&](int percent) {
            if (!globals.quiet) progress.show(percent, 100);
        });
        if (!done) return fail(done.error());
    }
    const auto bytes = std::filesystem::file_size(options.file, ignored);
    const std::string captures = captures_path((*assembly)->settings());
    if (globals.json) {
        std::string out;
        JsonWriter json(out);
        json.begin_object().key("file").text(options.file);
        json.key("bytes").number(static_cast<std::int64_t>(bytes)).end_object();
        print(out + "\n");
        return Exit::fine;
    }
    print(fmt::format("{}: {} bytes, whole and checked\n", options.file, bytes));
    if (!globals.quiet && (*assembly)->settings().captures.enabled) {
        fail(Exit::fine,
             fmt::format("the pages as they came are in {}, which is not in the copy", captures));
    }
    return Exit::fine;
}

}  // namespace tapedeck
