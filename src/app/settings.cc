#include "app/settings.h"

#include <fmt/format.h>

#include <array>

#include "app/setting_tables.h"

namespace tapedeck {
namespace {

constexpr auto kCompressions =
    std::to_array<Choice<TapeSettings::Compression>>({{TapeSettings::Compression::none, "none"},
                                                      {TapeSettings::Compression::gzip, "gzip"},
                                                      {TapeSettings::Compression::lz4, "lz4"},
                                                      {TapeSettings::Compression::zstd, "zstd"}});
constexpr auto kMechanisms = std::to_array<Choice<TapeSettings::Mechanism>>(
    {{TapeSettings::Mechanism::plain, "plain"},
     {TapeSettings::Mechanism::scram_sha_256, "scram-sha-256"},
     {TapeSettings::Mechanism::scram_sha_512, "scram-sha-512"}});

// "tapedeck.db" gives "tapedeck.WHAT.db"; so does a store that is no file.
std::string beside_store(const Settings& settings, std::string_view what) {
    const auto* sqlite = std::get_if<SqliteUrl>(&settings.store.url.target);
    std::string_view path = sqlite == nullptr ? "tapedeck.db" : std::string_view(sqlite->path);
    if (path.ends_with(".db")) path.remove_suffix(3);
    return fmt::format("{}.{}.db", path, what);
}

}  // namespace

std::span<const Choice<TapeSettings::Compression>> choices(TapeSettings::Compression) {
    return kCompressions;
}
std::span<const Choice<TapeSettings::Mechanism>> choices(TapeSettings::Mechanism) {
    return kMechanisms;
}

std::string captures_path(const Settings& settings) {
    return settings.captures.path.empty() ? beside_store(settings, "captures")
                                          : settings.captures.path;
}

std::string spool_path(const Settings& settings) {
    return settings.tape.spool.empty() ? beside_store(settings, "spool") : settings.tape.spool;
}

std::string journal_path(const Settings& settings) {
    const std::string path = beside_store(settings, "journal");
    const bool in_a_file = std::holds_alternative<SqliteUrl>(settings.store.url.target);
    if (in_a_file || settings.tape.spool.empty()) return path;
    const std::size_t slash = settings.tape.spool.rfind('/');
    return slash == std::string::npos ? path : settings.tape.spool.substr(0, slash + 1) + path;
}

}  // namespace tapedeck
