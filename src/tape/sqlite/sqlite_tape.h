#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "sqlite/sqlite_looking.h"
#include "sqlite/sqlite_rescue.h"
#include "tape/local_tape.h"

namespace tapedeck {

struct SqliteTapeOptions {
    std::chrono::milliseconds busy_timeout{5'000};
    // Shared with the store in the same file, whichever of the two lives longer; none: a gate of
    // its own, and SQLite's lock alone between the two.
    std::shared_ptr<WriteGate> gate;
    std::chrono::milliseconds append_timeout{5'000};  // for which an append waits for the file
};

// The embedded tape: tables of an SQLite file, docs/formats/tape.md, which may be the store's file.
//
// All messages of one `append` are one transaction, synced before it returns: all of them are
// durable, or none is. Offsets are dense and never used again, even when everything was discarded.
class SqliteTape : public LocalTape {
public:
    // Makes the file and its tables where they are missing. Errors as open_file's.
    static Result<std::unique_ptr<SqliteTape>> open(const std::string& path, const Clock& clock,
                                                    SqliteTapeOptions options = {});
    // To be read only, as look_at has it: what writes is `rejected`.
    static Result<std::unique_ptr<SqliteTape>> open_looking(const std::string& path,
                                                            const LookOptions& options);
    ~SqliteTape() override;

    Result<std::string> identity() override;
    Result<> ensure_topic(const std::string& topic, int partitions) override;
    Result<std::vector<Partition>> partitions(const std::string& topic) override;
    Result<std::vector<Result<Position>>> append(
        std::span<const OutgoingMessage> messages) override;
    Result<Extent> extent(const TopicPartition& at) override;
    Result<Offset> offset_at(const TopicPartition& at, Timestamp time) override;
    Result<Chunk> read(const TopicPartition& at, Offset from, std::size_t max_bytes) override;
    // Deletes in slices, so that appends get their turn; after a crash midway the tape's earliest
    // offset already counts, and what was left over goes with the next discard.
    Result<> discard(const TopicPartition& at, Offset before) override;

    // `corrupt` where the file is no longer what was opened. Asks no gate.
    Result<> check_files() const;

    // Where the file was deleted, moved or replaced: rescue_if_replaced's copy of it.
    std::optional<Rescued> rescue(Timestamp now);

protected:
    Result<std::unique_ptr<Cursor>> open_cursor() override;

private:
    class SqliteCursor;
    struct Topic;
    struct Appending;

    SqliteTape(LookedAt reading, std::shared_ptr<WriteGate> gate, std::unique_ptr<Database> writer,
               std::unique_ptr<SqliteCursor> looking);
    Result<> append_in_transaction(std::span<const OutgoingMessage> messages, Appending& work);
    Result<> load_topic(const std::string& topic, Appending& work);

    const LookedAt reading_;  // how connections that read are opened
    const std::shared_ptr<WriteGate> gate_;
    const std::unique_ptr<Database> writer_;  // used within the gate only; none: opened to look
    std::chrono::milliseconds append_timeout_{0};  // constant once opened
    Mutex looking_mutex_;
    const std::unique_ptr<SqliteCursor> looking_ TAPEDECK_POINTEE_GUARDED_BY(looking_mutex_);
};

}  // namespace tapedeck
