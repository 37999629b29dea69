#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/queue.h"
#include "events/log.h"
#include "market/record.h"
#include "pipeline/topic_watch.h"
#include "store/store.h"
#include "tape/tape.h"

namespace tapedeck {

// Where the messages of a topic go. Topics without a table of prices hold outcomes.
struct LoadedTopic {
    std::string topic;
    std::optional<PriceTable> table;
};

struct LoaderOptions {
    std::vector<LoadedTopic> topics;
    std::string group = "tapedeck";
    std::size_t batch_bytes = 8 * 1024 * 1024;  // of message values in one transaction
    std::size_t batch_rows = 100'000;  // in one transaction; those of one message stay together
    std::size_t batch_memory = 7 * 1024 * 1024;  // that a batch takes, decoded and encoded
    int committers = 1;                          // transactions at once, each of another partition
    int give_up_after = 0;  // failed tries of one commit, seconds apart; 0: never give up
};

struct LoadSummary {
    std::int64_t messages = 0;
    std::int64_t rows = 0;
    std::int64_t absorbed = 0;
    std::int64_t duplicates = 0;
    std::int64_t dead_letters = 0;
    std::int64_t outcomes = 0;
    std::int64_t gaps = 0;  // messages that the tape no longer had
    std::int64_t batches = 0;
    std::int64_t fenced = 0;      // partitions left to somebody else
    std::int64_t taken_back = 0;  // messages whose commits the store's server lost: loaded again
    std::int64_t refused = 0;     // partitions whose topic was made anew
};

// How loading of a partition goes on, decided from the ledger and the tape alone.
struct Resume {
    Offset from;
    std::optional<TapeGap> gap;  // what the tape no longer has
};
struct RefusePartition {
    std::string why;
};
// `last` is the message at offset ledger.next - 1 where the tape still has it. A topic that was
// deleted and made anew is refused: its end lies below the ledger, or its last message differs.
std::variant<Resume, RefusePartition> plan_resume(const LedgerEntry& ledger, const Extent& extent,
                                                  const std::optional<TapeMessage>& last);

// What was in a chunk.
struct ChunkSize {
    std::size_t messages = 0;
    std::size_t bytes = 0;  // of their values
    std::size_t rows = 0;   // that they gave
};
// How many bytes of a topic's messages to read at once, so that one batch comes of them that keeps
// to the limits: judged by the last chunk, as the messages of a topic are alike. A part of the
// limit as long as none was seen.
std::size_t bytes_to_read(const LoaderOptions& options, const ChunkSize& last);

// Turns the messages of one chunk into a batch. Unreadable ones become dead letters. The batch
// ends after its last message, so that a resume can read that message again. Borrows the chunk's
// bytes and the arena. A function of its input: the same messages give the same batch.
class BatchMaker {
public:
    explicit BatchMaker(const std::vector<LoadedTopic>& topics, std::size_t most_rows = SIZE_MAX)
        : topics_(topics), most_rows_(most_rows) {}

    // Of the chunk's messages from index `first` on, as many as fit into most_rows, one at least;
    // `first` moves past them. The batch begins at `from`, and uses the memory of `room`.
    Batch make(const Chunk& chunk, Offset from, std::size_t& first, TextArena& arena,
               BatchRows room = {});
    Batch make(const Chunk& chunk, TextArena& arena) {  // all of them
        std::size_t first = 0;
        Batch batch = make(chunk, chunk.from, first, arena);
        TAPEDECK_ASSERT(first == chunk.messages.size());
        return batch;
    }

private:
    const std::vector<LoadedTopic>& topics_;
    const std::size_t most_rows_;
    RecordDecoder decoder_;
};

// Loads the tape into the store. The reading thread is the caller's; commits run on threads of
// their own, so that decoding one batch overlaps with writing the one before, and the batches of
// one partition follow one another. At most one batch waits between them, and the next is decoded
// when it is gone. The offset ledger, never the tape's own notes, says where to go on.
class Loader {
public:
    // `committed` is called after each commit, on the thread that made it; never twice at once.
    using OnCommitted = std::function<void(const Batch&, const Committed&)>;

    Loader(Tape& tape, Store& store, Clock& clock, Log& log, LoaderOptions options,
           OnCommitted committed = {});

    // Loads until `stop`; with `until_end`, until what the tape held at the start is loaded.
    // Errors: the tape's or the store's, where waiting cannot help (see give_up_after).
    Result<LoadSummary> run(std::stop_token stop, bool until_end);

private:
    struct Work {
        std::shared_ptr<const Chunk> chunk;  // keeps the bytes alive; shared: its batches
        std::int64_t messages = 0;
        TextArena arena;
        Batch batch;
        std::uint64_t epoch = 0;  // of the assignment
    };
    struct Reading {
        std::uint64_t epoch = 0;
        Offset from;      // of the next batch
        Offset position;  // read so far
        Offset end;       // at the start, for until_end
        bool stopped = false;
        // Of a partition that was fenced and is still ours: when the ledger is asked again.
        std::optional<std::chrono::microseconds> return_at = std::nullopt;  // steady time
    };

    struct Told {  // of a commit that may not be on the store's disk yet
        Offset to;
        LoadSummary counts;
    };

    struct Outage {
        bool told = false;
        int restarts = 0;  // of partitions that the reader could not read on
    };

    Result<> read_on(TapeReader& reader, bool until_end);
    Result<> bear(const Error& error, TapeReader& reader, bool until_end, Outage& outage);
    Result<> assigned(const std::vector<TopicPartition>& partitions, TapeReader& reader);
    Result<> start_partition(const LedgerEntry& entry, TapeReader& reader);
    void refuse(const TopicPartition& at, std::string_view why, TapeReader& reader);
    void take(Chunk chunk, TapeReader& reader);
    void leave_fenced(TapeReader& reader);
    Result<> return_to_fenced(TapeReader& reader);
    bool has_fenced() const;
    void note_loaded(TapeReader& reader);
    bool at_end() const;
    bool is_done(TapeReader& reader);
    std::size_t bytes_at_once() const;
    Result<bool> others_at_end();
    bool wait_for_room();
    void hand_over(std::unique_ptr<Work> work);
    void drain();
    Result<> failed() const;

    void commit_loop(std::stop_token stop);
    std::deque<std::unique_ptr<Work>>::iterator next_work();
    Result<> commit(const Work& work, std::stop_token stop);
    BatchRows take_room();
    void keep_room(Batch& batch);
    bool is_followed(const TopicPartition& at) const;
    Result<LedgerEntry> ledger_of(const TopicPartition& at);
    void lose_partition(const Work& work, std::optional<Offset> ledger, std::string_view why);
    void tell(const Work& work, const Committed& committed, bool is_on_disk);
    bool unsettled() const;

    Tape& tape_;
    Store& store_;
    Clock& clock_;
    Log& log_;
    const LoaderOptions options_;
    const OnCommitted on_committed_;
    BatchMaker maker_;
    TopicWatch watch_;  // the reading thread's

    // The reading thread's.
    std::map<TopicPartition, Reading> reading_;
    std::uint64_t epoch_ = 0;
    std::map<TopicPartition, Offset> ends_;   // for until_end: of everything, at the start
    std::map<std::string, ChunkSize> sizes_;  // of each topic's last chunk

    // Between the two threads; guarded by mutex_.
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<std::unique_ptr<Work>> waiting_;
    std::set<TopicPartition> committing_;
    std::vector<BatchRows> rooms_;  // of batches that are done with: memory for others
    std::stop_token stop_;
    std::stop_source halted_;  // by the caller's stop, or by an error of the commit thread
    std::map<TopicPartition, std::uint64_t> fenced_;  // the assignment that lost its partition
    std::map<TopicPartition, Offset> loaded_;         // not yet noted on the tape
    std::map<TopicPartition, std::vector<Told>> not_on_disk_;
    std::optional<Error> error_;
    LoadSummary summary_;

    std::mutex committed_mutex_;  // held while on_committed_ is called
};

}  // namespace tapedeck
