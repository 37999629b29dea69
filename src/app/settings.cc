#include "app/settings.h"

#include <fmt/format.h>

namespace tapedeck {
namespace {

// "tapedeck.db" gives "tapedeck.WHAT.db"; so does a store that is no file.
std::string beside_store(const Settings& settings, std::string_view what) {
    const auto* sqlite = std::get_if<SqliteUrl>(&settings.store.url.target);
    std::string_view path = sqlite == nullptr ? "tapedeck.db" : std::string_view(sqlite->path);
    if (path.ends_with(".db")) path.remove_suffix(3);
    return fmt::format("{}.{}.db", path, what);
}

}  // namespace

std::string captures_path(const Settings& settings) {
    return settings.captures.path.empty() ? beside_store(settings, "captures")
                                          : settings.captures.path;
}

std::string spool_path(const Settings& settings) {
    return settings.tape.spool.file.empty() ? beside_store(settings, "spool")
                                            : settings.tape.spool.file;
}

std::string journal_path(const Settings& settings) {
    const std::string path = beside_store(settings, "journal");
    const bool in_a_file = std::holds_alternative<SqliteUrl>(settings.store.url.target);
    if (in_a_file || settings.tape.spool.file.empty()) return path;
    const std::size_t slash = settings.tape.spool.file.rfind('/');
    return slash == std::string::npos ? path : settings.tape.spool.file.substr(0, slash + 1) + path;
}

}  // namespace tapedeck
