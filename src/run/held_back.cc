#include "run/held_back.h"

#include <fmt/format.h>

namespace tapedeck {
namespace {

std::optional<HeldBack> held(std::string_view name, const std::string& path,
                             const Result<std::optional<Timestamp>>& oldest) {
    if (!oldest) {
        return HeldBack{Timestamp(), fmt::format("may wait in the {} on this machine, which "
                                                 "cannot be read: {}",
                                                 name, oldest.error().what)};
    }
    if (!*oldest) return std::nullopt;
    return HeldBack{**oldest, fmt::format("may wait in the {} on this machine: {}", name, path)};
}

}  // namespace

std::optional<HeldBack> held_by_spool(const std::string& path, const Result<SpoolSizes>& sizes) {
    if (!sizes) return held("spool", path, sizes.error());
    if (sizes->messages == 0) return std::nullopt;
    return held("spool", path, std::optional(sizes->oldest.value_or(Timestamp())));
}

std::optional<HeldBack> held_by_journal(const std::string& path,
                                        const Result<std::optional<Timestamp>>& oldest) {
    return held("journal", path, oldest);
}

std::optional<HeldBack> both_held(const std::optional<HeldBack>& one,
                                  const std::optional<HeldBack>& other) {
    if (!one || !other) return one ? one : other;
    return one->since <= other->since ? one : other;
}

}  // namespace tapedeck
