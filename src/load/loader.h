#pragma once

#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "events/log.h"
#include "load/batch_maker.h"
#include "load/commit_queue.h"
#include "load/loading_start.h"
#include "load/topic_watch.h"
#include "store/store.h"
#include "store/tape_label.h"
#include "tape/tape.h"

namespace tapedeck {

struct LoaderOptions {
    std::vector<LoadedTopic> topics;
    std::string group = "tapedeck";
    std::string place;    // of the tape, for people: its URL without secrets
    StartChoices starts;  // of topics of which nothing is loaded yet
    BatchLimits batch;
    int give_up_after = 0;  // failed tries of one commit, seconds apart; 0: never give up
};

// Loads the tape into the store. The reading thread is the caller's; commits run on threads of
// their own, so that decoding one batch overlaps with writing those before; the batches of one
// partition are committed in their order. At most one batch waits between them, and the next is
// decoded when it is gone. The offset ledger, never the tape's own notes, says where to go on.
class Loader {
public:
    using OnCommitted = CommitQueue::OnCommitted;

    Loader(Tape& tape, Store& store, Clock& clock, Log& log, LoaderOptions options,
           OnCommitted committed = {});

    // Loads until `stop`; with `until_end`, until what the tape held at the start is loaded.
    // Errors: the tape's or the store's, where waiting cannot help (see give_up_after).
    Result<LoadSummary> run(std::stop_token stop, bool until_end);

private:
    struct Reading {
        std::uint64_t epoch = 0;
        Offset from;      // of the next batch
        Offset position;  // read so far
        Offset end;       // at the start, for until_end
        bool stopped = false;
        // Of a partition that was fenced and is still ours: when the ledger is asked again.
        std::optional<std::chrono::microseconds> return_at = std::nullopt;  // steady time
    };

    struct Outage {
        bool told = false;
        int restarts = 0;  // of partitions that the reader could not read on
    };

    Result<> read_on(TapeReader& reader, bool until_end);
    Result<> bear(const Error& error, TapeReader& reader, bool until_end, Outage& outage);
    Result<> assigned(const std::vector<TopicPartition>& partitions, TapeReader& reader);
    Result<> know_tape();
    Result<std::vector<LedgerEntry>> ledger_of(const std::vector<TopicPartition>& partitions);
    Result<> start_partition(const LedgerEntry& entry, TapeReader& reader);
    void refuse(const TopicPartition& at, std::string_view why, TapeReader& reader);
    Result<Chunk> read_before(const TopicPartition& at, Offset next, Offset earliest);
    void take(Chunk chunk, TapeReader& reader);
    void pass_over(const TopicPartition& at, Offset to);
    void leave_fenced(TapeReader& reader);
    Result<> return_to_fenced(TapeReader& reader);
    bool has_fenced() const;
    void note_loaded(TapeReader& reader);
    bool at_end() const;
    bool is_done(TapeReader& reader);
    std::size_t bytes_at_once() const;
    Result<bool> others_at_end();

    Tape& tape_;
    Store& store_;
    Clock& clock_;
    Log& log_;
    const LoaderOptions options_;
    const OnCommitted on_committed_;
    BatchMaker maker_;
    TopicWatch watch_;
    LoadingStarts starts_;

    std::map<TopicPartition, Reading> reading_;
    std::set<std::string> told_foreign_;  // deployments
    std::optional<TapeLabel> label_;      // once the tape has said who it is
    std::uint64_t epoch_ = 0;
    std::map<TopicPartition, Offset> ends_;   // for until_end: of everything, at the start
    std::map<std::string, ChunkSize> sizes_;  // of each topic's last chunk
    std::int64_t refused_ = 0;                // partitions
    std::stop_token stop_;
    std::optional<CommitQueue> commits_;  // of the run under way, or the last
};

}  // namespace tapedeck
