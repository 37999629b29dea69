#include "app/former_tapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "events/recording.h"
#include "store/tape_label.h"
#include "tape/sqlite/sqlite_tape.h"

namespace tapedeck {
namespace {

constexpr std::string_view kFile = "sqlite:";

// The file of a tape that can be opened by its place alone; none where it is not there.
std::optional<std::string> file_of(const KnownTape& tape) {
    if (!tape.place.starts_with(kFile)) return std::nullopt;
    std::string path = tape.place.substr(kFile.size());
    std::error_code missing;
    if (std::filesystem::file_size(path, missing) == 0 || missing) return std::nullopt;
    return path;
}

Result<> load_file(Assembly& assembly, const KnownTape& former, const std::string& path,
                   std::stop_token stop, int give_up_after) {
    SqliteTapeOptions options;
    options.gate = assembly.gate_of(path);
    auto tape = SqliteTape::open(path, assembly.clock(), std::move(options));
    if (!tape) return in_context("opening the former tape", tape.error());
    const auto identity = (*tape)->identity();
    if (!identity) return identity.error();
    if (*identity != former.identity) return {};  // another one stands in its place
    auto made = assembly.loading();
    if (!made) return made.error();
    LoaderOptions loading = *std::move(made);
    loading.place = former.place;
    // Nobody but tapedeck has loaded from a file.
    loading.starts.others = StartChoice{};
    loading.starts.is_asked = false;
    loading.give_up_after = give_up_after;
    Loader loader(**tape, assembly.store(), assembly.clock(), assembly.log(), std::move(loading));
    const auto loaded = loader.run(std::move(stop), true);
    if (!loaded) return in_context("loading the former tape " + former.place, loaded.error());
    return {};
}

}  // namespace

std::string place_of_tape(const Settings& settings) {
    const TapeUrl& url = settings.tape.url;
    const auto* file = std::get_if<SqliteUrl>(&url.target);
    if (file == nullptr && std::holds_alternative<EmbeddedUrl>(url.target)) {
        file = std::get_if<SqliteUrl>(&settings.store.url.target);
    }
    if (file == nullptr) return to_string(url);
    std::error_code failed;
    const auto whole = std::filesystem::absolute(file->path, failed);
    return std::string(kFile) + (failed ? file->path : whole.lexically_normal().string());
}

Result<> load_former_tapes(Assembly& assembly, std::stop_token stop, int give_up_after) {
    const auto tapes = known_tapes(assembly.store());
    if (!tapes) return tapes.error();
    if (tapes->empty()) return {};
    const std::string place = place_of_tape(assembly.settings());
    const auto identity = assembly.tape().identity();
    if (!identity && !retryable(identity.error().kind)) return identity.error();
    for (const KnownTape& former : *tapes) {
        if (former.place == place || (identity && former.identity == *identity)) continue;
        const auto path = file_of(former);
        if (!path) continue;
        if (auto done = load_file(assembly, former, *path, stop, give_up_after); !done) return done;
    }
    const KnownTape& last = tapes->back();
    const bool is_new =
        identity && std::ranges::find(*tapes, *identity, &KnownTape::identity) == tapes->end();
    if (!is_new) return {};
    const std::string what = file_of(last)
                                 ? std::string("all that it held is loaded")
                                 : fmt::format(
                                       "what it may still hold is loaded by `tapedeck load "
                                       "--until-end --set tape.url={}`",
                                       last.place);
    assembly.log().emit(TapeChanged{last.place, place, what});
    return {};
}

}  // namespace tapedeck
