#include "app/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "app/made_feeds.h"
#include "app/settings_text.h"
#include "base/sha256.h"
#include "base/system_fault.h"
#include "config/shipped.h"

namespace tapedeck {
namespace {

constexpr std::size_t kMostBytes = 16 * 1024 * 1024;
constexpr std::size_t kMostFaults = 100;  // that are told: more would only hide the first

struct Laid {
    ReadConfig config;
    std::vector<std::string> faults;  // what could not even be read, then config.faults
};

Laid lay(const ConfigOptions& options, const std::optional<std::string>& text,
         const std::string& file) {
    Laid laid;
    std::vector<ConfigLayer> layers = built_in_layers();
    if (text) {
        auto document = parse_toml(*text, file);
        if (document) {
            layers.push_back({file, *std::move(document)});
        } else {
            laid.faults.push_back(document.error().what);
        }
    }
    for (const std::string& set : options.sets) {
        auto layer = layer_of_set(set);
        if (layer) {
            layers.push_back(*std::move(layer));
        } else {
            laid.faults.push_back(layer.error().what);
        }
    }
    ConfigChecks checks;
    checks.sources = known_sources;
    checks.calendar_file = read_text_file;
    laid.config = read_layers(layers, checks);
    for (const ConfigFault& fault : laid.config.faults) {
        if (laid.faults.size() == kMostFaults) {
            laid.faults.push_back(
                fmt::format("and {} more", laid.config.faults.size() - kMostFaults));
            break;
        }
        laid.faults.push_back(to_string(fault));
    }
    return laid;
}

// The files of sources are read here and by those who ask sources: a broken one is a fault where a
// feed asks it, and else worth a note.
void check_sources(Laid& laid) {
    const Settings& settings = laid.config.settings;
    const auto made = make_sources(settings);
    if (!made) {
        laid.faults.push_back(made.error().what);
        return;
    }
    std::vector<Error> faults;
    make_feeds(settings, *made, faults);
    for (const Error& fault : faults) laid.faults.push_back(fault.what);
    for (const BrokenSource& one : made->broken) {
        const bool used = std::ranges::any_of(settings.feeds, [&](const auto& feed) {
            return std::ranges::find(feed.second.sources, one.name) != feed.second.sources.end();
        });
        if (!used) laid.config.notes.push_back(fmt::format("{} (no feed asks it)", one.what));
    }
}

Result<LoadedConfig> finish(Laid laid, const std::string& file) {
    if (!laid.faults.empty()) {
        return Error{ErrorKind::rejected, fmt::format("{}", fmt::join(laid.faults, "\n"))};
    }
    LoadedConfig loaded;
    loaded.settings = std::move(laid.config.settings);
    loaded.origins = std::move(laid.config.origins);
    loaded.notes = std::move(laid.config.notes);
    loaded.file = file;
    loaded.effective = effective_toml(loaded.settings);
    loaded.digest = hex(sha256(loaded.effective));
    return loaded;
}

// The user's text, where there is a file.
Result<std::optional<std::string>> read_config_file(const std::string& file) {
    if (file.empty()) return std::optional<std::string>();
    auto text = read_text_file(file);
    if (!text) return text.error();
    return std::optional<std::string>(*std::move(text));
}

}  // namespace

Result<std::string> read_text_file(const std::string& path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::error_code ignored;
    if (!file.is_open() && errno == ENOENT) {
        return Error{ErrorKind::rejected, "there is no file " + path};
    }
    if (!file.is_open() || std::filesystem::is_directory(path, ignored)) {
        return Error{ErrorKind::rejected,
                     fmt::format("cannot read {}: {}", path,
                                 errno != 0 ? system_fault(errno) : "it is a folder")};
    }
    std::string text;
    std::string piece(65'536, '\0');
    while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())), file.gcount() > 0) {
        text.append(piece, 0, static_cast<std::size_t>(file.gcount()));
        if (text.size() > kMostBytes) {
            return Error{ErrorKind::rejected, fmt::format("{} is larger than 16 MiB", path)};
        }
    }
    if (file.bad()) return Error{ErrorKind::rejected, fmt::format("cannot read {}", path)};
    return text;
}

Result<std::string> config_file(const ConfigOptions& options) {
    if (options.file && options.file->empty()) {
        return Error{ErrorKind::rejected, "--config names no file"};
    }
    if (options.file) return *options.file;
    if (options.environment && !options.environment->empty()) return *options.environment;
    const std::string path =
        options.folder.empty() ? "tapedeck.toml" : options.folder + "/tapedeck.toml";
    std::error_code fault;
    const bool exists = std::filesystem::exists(path, fault);
    if (fault) {
        return Error{ErrorKind::rejected,
                     fmt::format("cannot look for {}: {}", path, fault.message())};
    }
    return exists ? path : std::string();
}

Result<LoadedConfig> load_config(const ConfigOptions& options) {
    const auto file = config_file(options);
    if (!file) return file.error();
    const auto text = read_config_file(*file);
    if (!text) return text.error();
    Laid laid = lay(options, *text, *file);
    return finish(std::move(laid), *file);
}

Result<LoadedConfig> load_config_text(const ConfigOptions& options, std::string_view text,
                                      const std::string& file) {
    Laid laid = lay(options, std::string(text), file);
    return finish(std::move(laid), file);
}

Result<ConfigReport> check_config(const ConfigOptions& options) {
    const auto file = config_file(options);
    if (!file) return file.error();
    const auto text = read_config_file(*file);
    if (!text) return text.error();
    Laid laid = lay(options, *text, *file);
    if (laid.faults.empty()) check_sources(laid);
    return ConfigReport{*file, std::move(laid.faults), std::move(laid.config.notes)};
}

Result<std::vector<std::string>> known_sources(const std::string& folder) {
    std::vector<std::string> names;
    const auto add = [&](std::string_view path) {
        const std::size_t slash = path.rfind('/');
        if (slash != path.npos) path.remove_prefix(slash + 1);
        if (!path.ends_with(".toml")) return;
        path.remove_suffix(5);
        if (std::find(names.begin(), names.end(), path) == names.end()) names.emplace_back(path);
    };
    for (const ShippedFile& file : shipped_files()) {
        if (file.path.starts_with("data/sources/")) add(file.path);
    }
    if (folder.empty()) return names;
    std::error_code fault;
    for (auto entry = std::filesystem::directory_iterator(folder, fault);
         !fault && entry != std::filesystem::directory_iterator(); entry.increment(fault)) {
        add(entry->path().string());
    }
    if (fault) {
        return Error{ErrorKind::rejected,
                     fmt::format("cannot read {}: {}", folder, fault.message())};
    }
    return names;
}

}  // namespace tapedeck
