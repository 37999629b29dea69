#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/settings.h"

namespace tapedeck {

// What a recorder keeps on this machine, and with it a backup: the store (an SQLite file, or a dump
// of a PostgreSQL database), the tape where it is a file of its own, the journal and the spool
// where something waits in them, and captures if they are asked for. What waits in the journal of
// an SQLite store is told to the copy at once. One file is a backup by itself; several are a folder
// with a list of them, HOLDS.
//
// Copied in the order of this list, beside a running recorder, they fit: what the journal has told
// the store meanwhile is passed over when it is told again; what the spool has brought to the tape
// meanwhile, and brings again, the store takes once; the tape is never shorter than the ledger in a
// store that was copied before it; and a page is kept before the price that names it.
enum class BackupPart { journal, spool, store, tape, captures };
std::string_view to_string(BackupPart part);

struct HeldPart {
    BackupPart part;
    std::string path;        // of the file
    std::int64_t bytes = 0;  // of the file
};

// Where the parts of a configuration live, those alone that are files; in the order above.
std::vector<HeldPart> files_of(const Settings& settings);

// The name of a part within a folder: "store.db", or "store.dump" of PostgreSQL.
std::string name_within(BackupPart part, bool dump);

// Writes and reads the list. Reading `rejected` where a file of the list is not there or has
// another size; a backup that is one file is the store's.
inline constexpr std::string_view kHoldsFile = "HOLDS";
Result<> write_holds(const std::string& folder, const std::vector<HeldPart>& parts);
Result<std::vector<HeldPart>> read_holds(const std::string& backup);

// Whether a file is what pg_dump makes.
bool is_dump(const std::string& path);

// `corrupt` where a page of an SQLite file at rest is damaged.
Result<> check_pages(const std::string& path);

// How an SQLite store and the tape beside it stand to one another.
struct PairState {
    std::int64_t loaded = 0;   // messages that the ledger has passed
    std::int64_t waiting = 0;  // messages on the tape that are to be loaded
};
// `corrupt` where the ledger is past the tape's end, or the tape no longer has what is to be
// loaded. The two paths are equal where the tape is in the store. The files must be at rest.
Result<PairState> check_pair(const std::string& store, const std::string& tape);

}  // namespace tapedeck
