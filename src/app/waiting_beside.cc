#include "app/waiting_beside.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "app/disk_room.h"
#include "store/journal/statement_journal.h"
#include "store/run_table.h"
#include "tape/spool/spool_file.h"

namespace tapedeck {
namespace {

// An empty file is one that is yet to be made.
bool holds_something(const std::string& path) {
    std::error_code missing;
    const auto size = std::filesystem::file_size(path, missing);
    return !missing && size > 0;
}

// A recorder whose disk is full runs, and can tell nobody what became of the slots after those that
// it has written of. What cannot be asked is no reason for anything here: the reader finds it too.
std::optional<HeldBack> held_by_full_disk(const Settings& settings, Store& store) {
    const auto file = file_without_room(settings);
    if (!file) return std::nullopt;
    const auto recorder = store.lease_holder();
    if (!recorder || !*recorder) return std::nullopt;
    HeldBack held{Timestamp(), fmt::format("a recorder runs and can write nothing: the disk of {} "
                                           "is full",
                                           *file)};
    const auto states = RunTable(store).dag_states();
    if (!states) return std::nullopt;
    for (const DagStateRow& state : *states) {
        held.since = std::max(held.since, state.handled_until.value_or(held.since));
    }
    return held;
}

}  // namespace

// The journal first: a run is in it before it asks anybody, so that what enters the spool after
// this look was under way already, or is of a slot that is not given up yet.
std::optional<HeldBack> waiting_beside(Assembly& assembly) {
    const LookOptions looking = look_beside(assembly.store());
    std::optional<HeldBack> held;
    if (const std::string path = journal_path(assembly.settings()); holds_something(path)) {
        const auto journal = StatementJournal::open_looking(path, assembly.clock(), looking);
        held = held_by_journal(path, journal ? (*journal)->oldest_since()
                                             : Result<std::optional<Timestamp>>(journal.error()));
    }
    if (const std::string path = spool_path(assembly.settings()); holds_something(path)) {
        const auto spool = SpoolFile::open_looking(path, assembly.clock(), looking);
        held = both_held(held, held_by_spool(path, spool ? (*spool)->sizes()
                                                         : Result<SpoolSizes>(spool.error())));
    }
    return both_held(held, held_by_full_disk(assembly.settings(), assembly.store()));
}

}  // namespace tapedeck
