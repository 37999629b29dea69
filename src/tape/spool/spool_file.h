#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "sqlite/sqlite_looking.h"
#include "tape/tape.h"

namespace tapedeck {

struct SpooledMessage {
    std::int64_t id = 0;  // in the order of spooling, never used twice
    OutgoingMessage message;
};

// What became of a spooled message once the tape behind the spool has judged it.
struct SpoolFate {
    std::int64_t id = 0;
    std::optional<Position> position;  // none: refused for good
    std::string why;                   // where it was refused
};

struct SpoolSizes {
    std::int64_t messages = 0;
    std::int64_t bytes = 0;           // of keys and values
    std::int64_t refused = 0;         // messages that the tape refused, kept for a person
    std::optional<Timestamp> oldest;  // when the first of those that wait was spooled
    friend bool operator==(const SpoolSizes&, const SpoolSizes&) = default;
};

// Messages that wait for their tape, in an SQLite file: docs/formats/spool.md. Each change is one
// synced transaction. Several processes may share the file, which is made when the first message is
// put into it; until then it is an empty one. Any thread. Errors are SQLite's.
class SpoolFile {
public:
    // `clock` must outlive it.
    static Result<std::unique_ptr<SpoolFile>> open(const std::string& path, const Clock& clock);

    // To be read only, as look_at has it.
    static Result<std::unique_ptr<SpoolFile>> open_looking(const std::string& path,
                                                           const Clock& clock,
                                                           const LookOptions& options);

    // Keeps all of them, or none; their ids.
    Result<std::vector<std::int64_t>> put(std::span<const OutgoingMessage> messages);

    // The first that wait, at most so many and so many bytes, but one at least.
    Result<std::vector<SpooledMessage>> first(std::size_t messages, std::size_t bytes);

    // Takes out those that have a fate, remembers it for the accounts that name them, and keeps the
    // refused ones aside.
    Result<> settle(std::span<const SpoolFate> fates);

    // Of those among `ids` that have one.
    Result<std::map<std::int64_t, SpoolFate>> fates(std::span<const std::int64_t> ids);
    Result<> forget_fates(std::span<const std::int64_t> ids);

    Result<SpoolSizes> sizes();

    // The right to drain, among all processes at the file; false where another has it.
    bool lock_draining();
    void unlock_draining();

    const std::string& path() const { return path_; }
    ~SpoolFile();
    SpoolFile(const SpoolFile&) = delete;
    SpoolFile& operator=(const SpoolFile&) = delete;

private:
    SpoolFile(std::string path, const Clock& clock) : path_(std::move(path)), clock_(clock) {}
    Result<bool> is_there() TAPEDECK_REQUIRES(mutex_);
    Result<> make() TAPEDECK_REQUIRES(mutex_);
    Result<> insert(const OutgoingMessage& message) TAPEDECK_REQUIRES(mutex_);
    Result<> settle_one(const SpoolFate& fate) TAPEDECK_REQUIRES(mutex_);

    const std::string path_;
    const Clock& clock_;
    Mutex mutex_;
    std::unique_ptr<Database> database_ TAPEDECK_GUARDED_BY(mutex_);  // none until there is a file
    int lock_ TAPEDECK_GUARDED_BY(mutex_) = -1;  // of the file's neighbour .lock
};

}  // namespace tapedeck
