#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "events/log.h"
#include "tape/spool/spool_file.h"
#include "tape/tape.h"

namespace tapedeck {

// What stands before a topic's name in the position of a message that waits in a spool; its offset
// is the message's id there. No topic has a colon in its name.
inline constexpr std::string_view kSpooled = "spool:";

struct SpoolOptions {
    std::string path;
    std::int64_t budget = std::int64_t{256} << 20;    // bytes of keys and values
    std::chrono::milliseconds retry{1'000};           // between tries while the tape is away
    std::chrono::milliseconds longest_retry{10'000};  // they grow rarer up to this
};

// A tape that may be away, its brokers down, its file locked or its disk full: what cannot be
// appended now is kept in a bounded spool on this machine, and brought to the tape in its order
// once that is back.
//
// - While messages wait, every message goes behind them: nothing overtakes.
// - A message leaves the spool after the tape confirmed it. A crash in between brings it twice;
//   the store knows the slot and takes it once.
// - A spooled message's position is "spool:TOPIC" with its id. An account (tapedeck_outcomes) that
//   names such positions waits behind the messages it names, and gets their final positions before
//   it is sent: on the tape itself every position is final.
// - Beyond the budget a message is `unavailable`, and its run says so; accounts have an eighth
// more.
// - What the tape refuses for good is kept aside, told, and is a failure in its run's account. A
//   message whose topic is not there (yet) waits.
//
// Reading goes to the tape; while it is known to be away that fails at once.
class SpoolTape : public Tape {
public:
    // Opens the spool and starts the thread that drains it, which sleeps while nothing waits.
    // `clock` and `log` must outlive it.
    static Result<std::unique_ptr<SpoolTape>> open(std::unique_ptr<Tape> tape, const Clock& clock,
                                                   Log& log, SpoolOptions options);
    ~SpoolTape() override;

    Result<std::string> identity() override;
    // While the tape is away the wish is kept, and the topic made before anything is drained.
    Result<> ensure_topic(const std::string& topic, int partitions) override;
    Result<std::vector<Partition>> partitions(const std::string& topic) override;
    Result<std::vector<Result<Position>>> append(
        std::span<const OutgoingMessage> messages) override;
    Result<Extent> extent(const TopicPartition& at) override;
    Result<Offset> offset_at(const TopicPartition& at, Timestamp time) override;
    Result<Chunk> read(const TopicPartition& at, Offset from, std::size_t max_bytes) override;
    Result<std::unique_ptr<TapeReader>> open_reader(std::vector<std::string> topics,
                                                    std::string group) override;
    Result<> discard(const TopicPartition& at, Offset before) override;

    Result<SpoolSizes> sizes() { return file_->sizes(); }
    const std::string& path() const { return file_->path(); }

private:
    SpoolTape(std::unique_ptr<Tape> tape, const Clock& clock, Log& log, SpoolOptions options,
              std::unique_ptr<SpoolFile> file)
        : tape_(std::move(tape)),
          clock_(clock),
          log_(log),
          options_(std::move(options)),
          file_(std::move(file)) {}

    Result<std::vector<Result<Position>>> append_directly(
        std::span<const OutgoingMessage> messages);
    void spool(std::span<const OutgoingMessage> messages, std::span<const std::size_t> which,
               const Error& why, std::vector<Result<Position>>& results);
    std::vector<std::size_t> within_budget(std::span<const OutgoingMessage> messages,
                                           std::span<const std::size_t> which,
                                           std::vector<Result<Position>>& results);
    Result<std::vector<std::int64_t>> name_positions(OutgoingMessage& message);

    template <class T>
    Result<T> noting(Result<T> looked);
    void drain_loop(std::stop_token stop);
    Result<> drain_some();
    Result<> make_wanted_topics();
    std::optional<Error> away();
    void note_away(std::optional<Error> why);

    const std::unique_ptr<Tape> tape_;
    const Clock& clock_;
    Log& log_;
    const SpoolOptions options_;
    const std::unique_ptr<SpoolFile> file_;

    Mutex mutex_;
    Changed changed_;
    bool waiting_ TAPEDECK_GUARDED_BY(mutex_) = true;  // whether there may be something to drain
    // Why the tape did not take what it was last brought.
    std::optional<Error> away_ TAPEDECK_GUARDED_BY(mutex_);
    std::map<std::string, int> wanted_ TAPEDECK_GUARDED_BY(mutex_);  // topics to make
    bool told_full_ TAPEDECK_GUARDED_BY(mutex_) = false;
    std::chrono::steady_clock::time_point began_ TAPEDECK_GUARDED_BY(mutex_) =
        std::chrono::steady_clock::now();  // of what is now spooled
    std::int64_t drained_ TAPEDECK_GUARDED_BY(mutex_) = 0;

    std::jthread drainer_;  // last: it ends before the rest
};

}  // namespace tapedeck
