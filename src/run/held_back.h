#pragma once

#include <optional>
#include <string>

#include "coverage/coverage.h"
#include "tape/spool/spool_file.h"

namespace tapedeck {

// What a spool, or the schedule's journal, holds back by what was read of its file at `path`; none
// where nothing waits in it. One that cannot be read may hold anything.
std::optional<HeldBack> held_by_spool(const std::string& path, const Result<SpoolSizes>& sizes);
std::optional<HeldBack> held_by_journal(const std::string& path,
                                        const Result<std::optional<Timestamp>>& oldest);

// Both as one: since the earlier of the two.
std::optional<HeldBack> both_held(const std::optional<HeldBack>& one,
                                  const std::optional<HeldBack>& other);

}  // namespace tapedeck
