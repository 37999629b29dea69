#include "app/own_files.h"

#include <filesystem>
#include <vector>

#include "config/urls.h"

namespace tapedeck {

Result<> check_output_path(const Settings& settings, const std::string& path) {
    std::vector<std::string> files{captures_path(settings), spool_path(settings),
                                   journal_path(settings)};
    if (const auto* store = std::get_if<SqliteUrl>(&settings.store.url.target)) {
        files.push_back(store->path);
    }
    if (const auto* tape = std::get_if<SqliteUrl>(&settings.tape.url.target)) {
        files.push_back(tape->path);
    }
    for (const std::string& file : files) {
        for (const char* suffix : {"", "-wal", "-shm", "-lease"}) {
            std::error_code missing;  // then it is not the same
            if (!std::filesystem::equivalent(path, file + suffix, missing)) continue;
            return Error{ErrorKind::rejected, path + ": is " + file + suffix +
                                                  ", where tapedeck keeps what it recorded"};
        }
    }
    return {};
}

}  // namespace tapedeck
