#include "app/waiting_beside.h"

#include <filesystem>

#include "store/statement_journal.h"
#include "tape/spool_file.h"

namespace tapedeck {
namespace {

// An empty file is one that is yet to be made.
bool is_there(const std::string& path) {
    std::error_code missing;
    const auto size = std::filesystem::file_size(path, missing);
    return !missing && size > 0;
}

}  // namespace

// The journal first: a run is in it before it asks anybody, so that what enters the spool after
// this look was under way already, or is of a slot that is not given up yet.
std::optional<HeldBack> waiting_beside(Assembly& assembly) {
    const LookOptions looking = look_beside(assembly.settings(), assembly.store());
    std::optional<HeldBack> held;
    if (const std::string path = journal_path(assembly.settings()); is_there(path)) {
        const auto journal = StatementJournal::open_looking(path, assembly.clock(), looking);
        held = held_by_journal(path, journal ? (*journal)->oldest_since()
                                             : Result<std::optional<Timestamp>>(journal.error()));
    }
    if (const std::string path = spool_path(assembly.settings()); is_there(path)) {
        const auto spool = SpoolFile::open_looking(path, assembly.clock(), looking);
        held = both_held(held, held_by_spool(path, spool ? (*spool)->sizes()
                                                         : Result<SpoolSizes>(spool.error())));
    }
    return held;
}

}  // namespace tapedeck
