#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/patience.h"
#include "sqlite/sqlite.h"

namespace tapedeck {

// Marks tapedeck's files for file(1) and for ourselves: bytes 68-71 of the header, "tpdk".
inline constexpr std::int64_t kApplicationId = 0x7470646b;

// One owner's share of a file's tables. Tape and store may share a file: each has its own part,
// with its own version in the table schema_version. `steps[i]` leads from version i to i + 1.
struct SchemaPart {
    std::string_view name;
    std::span<const std::string_view> steps;
};

struct FileOptions {
    std::chrono::milliseconds busy_timeout{5'000};
    bool every_commit_synced = true;  // false: a power failure may take back the last commits
    bool shrinks = false;  // "pragma incremental_vacuum" gives free pages back (files made anew)
};

// Opens a file of tapedeck's for writing, makes it where it is missing (not its folder), and
// brings `part` to this program's version in one transaction. WAL, every commit synced. The WAL and
// its index stay when the file is closed, for those who may only read; the files are watched: a
// commit into a file that was deleted, moved or replaced is `corrupt`.
//
// What is not ours is never written to: a file that is no database or is damaged is `corrupt`
// (files up to 8 MiB are checked whole, larger ones at the root of every table), one of another
// program or of a newer version `rejected`, one that can only be read `unavailable`.
// ":memory:" gives an empty database that dies with the connection.
Result<std::unique_ptr<Database>> open_file(const std::string& path, const SchemaPart& part,
                                            const Clock& clock, const FileOptions& options);

// Lets the writers of one process at one file, in the order in which they came: SQLite's own lock
// is polled, and a busy loader could keep a collector out for seconds. Any thread.
class WriteGate {
public:
    class Pass {
    public:
        explicit Pass(WriteGate& gate) : gate_(gate), inside_(gate_.enter(std::nullopt)) {}
        // May be left outside once the patience has ended.
        Pass(WriteGate& gate, const Patience& patience)
            : gate_(gate), inside_(gate_.enter(patience)) {}
        ~Pass() {
            if (inside_) gate_.leave();
        }
        Pass(const Pass&) = delete;
        Pass& operator=(const Pass&) = delete;

        bool is_inside() const { return inside_; }

    private:
        WriteGate& gate_;
        const bool inside_;
    };

private:
    bool enter(const std::optional<Patience>& patience);
    void leave();

    Mutex mutex_;
    Changed changed_;
    std::list<std::uint64_t> queue_ TAPEDECK_GUARDED_BY(mutex_);  // who is inside, and who waits
    std::uint64_t next_ticket_ TAPEDECK_GUARDED_BY(mutex_) = 0;
};

}  // namespace tapedeck
