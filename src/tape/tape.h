#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "market/message.h"

namespace tapedeck {

// Messages of one partition in offset order. `next` is where reading goes on: offsets may have
// holes, so it can be past the last message's offset + 1, and a chunk may hold no message at all.
struct Chunk {
    TopicPartition at;
    Offset from;
    Offset next;
    std::vector<TapeMessage> messages;
    std::shared_ptr<const void> backing;  // shared: the bytes outlive the reader's own buffers
};

struct Assigned {
    std::vector<TopicPartition> partitions;
};
struct Revoked {
    std::vector<TopicPartition> partitions;
};
struct Idle {};  // nothing came within the wait
using Polled = std::variant<Idle, Assigned, Revoked, Chunk>;

// Reads the partitions of some topics that are this process's to load. After Assigned, nothing is
// read of a partition until `start` names its offset: the ledger's, never the tape's own.
// One thread.
class TapeReader {
public:
    virtual ~TapeReader() = default;

    // Waits until there is something to tell, `wait` passes or `stop` is requested. No wait
    // (nullopt) is for ever, without wake-ups. At most `max_bytes` of values in one chunk (one
    // message at least). Errors: `unavailable` (call again), `corrupt` (offset out of range: the
    // tape no longer has it, see Tape::extent).
    virtual Result<Polled> poll(std::optional<std::chrono::milliseconds> wait,
                                std::size_t max_bytes, std::stop_token stop) = 0;

    // Reads `at` from `from` on; again at any time, to go back or forward.
    virtual Result<> start(const TopicPartition& at, Offset from) = 0;

    // Leaves `at` alone until it is started or assigned again.
    virtual void pause(const TopicPartition& at) = 0;

    // Tells lag tools how far the store is; nothing here depends on it.
    virtual void note_loaded(const TopicPartition& at, Offset next) = 0;
};

// What a partition still holds: [earliest, end).
struct Extent {
    Offset earliest;
    Offset end;
    friend bool operator==(const Extent&, const Extent&) = default;
};

// The seam to the durable log. Every implementation passes tests/conformance/tape_suite.h.
// All functions may be called from any thread.
class Tape {
public:
    virtual ~Tape() = default;

    // What tells this tape from every other that may stand behind the same names of topics: the
    // same for all who open it, for as long as it lives, and for copies of its file. `unavailable`
    // while nobody answers. Empty where it was made before tapes had one, and is only looked at.
    virtual Result<std::string> identity() = 0;

    // Makes the topic where it is missing; `rejected` where it has another number of partitions.
    virtual Result<> ensure_topic(const std::string& topic, int partitions) = 0;

    // The partitions of a topic, in order; `rejected` where there is no such topic.
    virtual Result<std::vector<Partition>> partitions(const std::string& topic) = 0;

    // Appends in order; returns when each message is durable or has failed. An error of the whole
    // call means that nothing is known to be appended; one result per message otherwise.
    virtual Result<std::vector<Result<Position>>> append(
        std::span<const OutgoingMessage> messages) = 0;

    virtual Result<Extent> extent(const TopicPartition& at) = 0;

    // The first offset whose message has this time or a later one; the end where none has. Times
    // need not rise with offsets.
    virtual Result<Offset> offset_at(const TopicPartition& at, Timestamp time) = 0;

    // Messages of one partition from `from` on, at most `max_bytes` (one message at least), for
    // looking at: no group, no ledger.
    virtual Result<Chunk> read(const TopicPartition& at, Offset from, std::size_t max_bytes) = 0;

    // A reader in the group `group`: readers of one group, in any process, share the partitions.
    virtual Result<std::unique_ptr<TapeReader>> open_reader(std::vector<std::string> topics,
                                                            std::string group) = 0;

    // Forgets the messages before `before`.
    virtual Result<> discard(const TopicPartition& at, Offset before) = 0;
};

// The partition of a key, as Kafka's murmur2_random: positive murmur2 of the key modulo the number
// of partitions. A message without a key goes to partition 0 where the tape is not Kafka.
Partition partition_of(std::string_view key, int partitions);

}  // namespace tapedeck
