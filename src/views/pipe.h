#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "store/store.h"
#include "tape/spool/spool_file.h"
#include "tape/tape.h"

namespace tapedeck {

struct PartitionStatus {
    TopicPartition at;
    std::optional<Extent> extent;           // none: the tape is away
    Offset loaded;                          // the ledger's
    std::int64_t messages_last_minute = 0;  // that were loaded
    std::optional<Timestamp> last_commit;
    std::optional<std::int64_t> lag() const {
        if (!extent) return std::nullopt;
        return extent->end.value() - std::max(loaded, extent->earliest).value();
    }
};

// Who committed within the last hour.
struct LoaderStatus {
    std::string name;
    Timestamp last;
    std::int64_t rows = 0;
    std::int64_t batches = 0;
};

// The way from tape to store: what `status` shows of it.
struct PipeStatus {
    std::string tape;                  // URL
    std::optional<std::string> away;   // why the tape does not answer
    std::vector<std::string> brokers;  // of Kafka: "host:port"
    std::vector<PartitionStatus> partitions;
    std::vector<LoaderStatus> loaders;
    std::int64_t rows_last_minute = 0;
    std::int64_t rows_last_hour = 0;
    std::optional<Timestamp> last_commit;
    std::string spool_file;  // empty: there is none
    std::optional<SpoolSizes> spool;
};

// Of those of its parts that tape and store know. Errors are the store's; a tape that is away is
// part of the answer, and of topics that are not there yet nothing is told.
Result<PipeStatus> read_pipe(Store& store, Tape& tape, std::span<const std::string> topics,
                             Timestamp now);

// The keys tape, tape_away, brokers, partitions, loaders, rates and spool of the object under way.
void write_pipe(JsonWriter& json, const PipeStatus& pipe);

}  // namespace tapedeck
