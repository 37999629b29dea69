#pragma once

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/store.h"
#include "tape/tape.h"

// Decorators over the seams Tape and Store that let one call fail, chosen by its number. As every
// effect of the program passes a seam, running a workload once to count its calls, and then once
// for each number and moment, enumerates every crash.
namespace tapedeck {

enum class Fault {
    kill_before,  // the process dies by SIGKILL, the call was not made
    kill_after,   // … the call was made, its answer never arrives
    fail_before,  // the call answers `unavailable` and did nothing
    fail_after,   // the call did what it says, and answers `unavailable`: was it done?
};

// Counts the calls on all seams that share it. Any thread.
class Calls {
public:
    Calls() = default;  // counts, and lets every call pass
    Calls(std::uint64_t at, Fault fault) : at_(at), fault_(fault) {}

    std::uint64_t count() const { return count_; }
    // Those that have not come back; a reader's wait for messages, which may last for ever, is
    // none.
    int under_way() const { return under_way_; }

    template <class T, class Call>
    Result<T> through(Call call) {
        ++under_way_;
        Result<T> result = pass<T>(call, fault_);
        --under_way_;
        return result;
    }
    // For a wait for messages, whose contract is that a failure has done nothing.
    template <class T, class Call>
    Result<T> through_or_nothing(Call call) {
        return pass<T>(call, fault_ == Fault::fail_after ? Fault::fail_before : fault_);
    }

private:
    template <class T, class Call>
    Result<T> pass(Call call, Fault fault) {
        const bool here = ++count_ == at_;
        if (here && fault == Fault::kill_before) die();
        if (here && fault == Fault::fail_before) return fault_error();
        Result<T> result = call();
        if (here && fault == Fault::kill_after) die();
        if (here && fault == Fault::fail_after) return fault_error();
        return result;
    }
    static void die() {
        ::kill(::getpid(), SIGKILL);
        for (;;) ::pause();
    }
    Error fault_error() const {
        return {ErrorKind::unavailable, "the fault at call " + std::to_string(at_)};
    }

    std::atomic<std::uint64_t> count_{0};
    std::atomic<int> under_way_{0};
    const std::uint64_t at_ = 0;  // 0: never
    const Fault fault_ = Fault::fail_before;
};

class FaultyReader : public TapeReader {
public:
    FaultyReader(std::unique_ptr<TapeReader> inner, Calls& calls)
        : inner_(std::move(inner)), calls_(calls) {}

    Result<Polled> poll(std::optional<std::chrono::milliseconds> wait, std::size_t max_bytes,
                        std::stop_token stop) override {
        return calls_.through_or_nothing<Polled>(
            [&] { return inner_->poll(wait, max_bytes, stop); });
    }
    // These three change nothing but the reader itself.
    Result<> start(const TopicPartition& at, Offset from) override {
        return inner_->start(at, from);
    }
    void pause(const TopicPartition& at) override { inner_->pause(at); }
    void note_loaded(const TopicPartition& at, Offset next) override {
        inner_->note_loaded(at, next);
    }

private:
    const std::unique_ptr<TapeReader> inner_;
    Calls& calls_;
};

// Borrows the tape and the count.
class FaultyTape : public Tape {
public:
    FaultyTape(Tape& inner, Calls& calls) : inner_(inner), calls_(calls) {}

    Result<std::string> identity() override {
        return calls_.through<std::string>([&] { return inner_.identity(); });
    }
    Result<> ensure_topic(const std::string& topic, int partitions) override {
        return calls_.through<Done>([&] { return inner_.ensure_topic(topic, partitions); });
    }
    Result<std::vector<Partition>> partitions(const std::string& topic) override {
        return calls_.through<std::vector<Partition>>([&] { return inner_.partitions(topic); });
    }
    Result<std::vector<Result<Position>>> append(
        std::span<const OutgoingMessage> messages) override {
        return calls_.through<std::vector<Result<Position>>>(
            [&] { return inner_.append(messages); });
    }
    Result<Extent> extent(const TopicPartition& at) override {
        return calls_.through<Extent>([&] { return inner_.extent(at); });
    }
    Result<Offset> offset_at(const TopicPartition& at, Timestamp time) override {
        return calls_.through<Offset>([&] { return inner_.offset_at(at, time); });
    }
    Result<Chunk> read(const TopicPartition& at, Offset from, std::size_t max_bytes) override {
        return calls_.through<Chunk>([&] { return inner_.read(at, from, max_bytes); });
    }
    Result<std::unique_ptr<TapeReader>> open_reader(std::vector<std::string> topics,
                                                    std::string group) override {
        return calls_.through<std::unique_ptr<TapeReader>>(
            [&]() -> Result<std::unique_ptr<TapeReader>> {
                auto reader = inner_.open_reader(std::move(topics), std::move(group));
                if (!reader) return reader.error();
                return std::unique_ptr<TapeReader>(
                    std::make_unique<FaultyReader>(*std::move(reader), calls_));
            });
    }
    Result<> discard(const TopicPartition& at, Offset before) override {
        return calls_.through<Done>([&] { return inner_.discard(at, before); });
    }

private:
    Tape& inner_;
    Calls& calls_;
};

// Borrows the store and the count.
class FaultyStore : public Store {
public:
    FaultyStore(Store& inner, Calls& calls) : inner_(inner), calls_(calls) {}

    Result<std::vector<LedgerEntry>> ledger(std::span<const TopicPartition> partitions,
                                            const Patience& patience = {}) override {
        return calls_.through<std::vector<LedgerEntry>>(
            [&] { return inner_.ledger(partitions, patience); });
    }
    void prepare(Batch& batch) override { inner_.prepare(batch); }
    Result<Committed> commit(const Batch& batch, const CommitOrder& order = {},
                             const Patience& patience = {}) override {
        return calls_.through<Committed>([&] { return inner_.commit(batch, order, patience); });
    }
    Result<> query(const Statement& statement, const RowSink& sink,
                   const Patience& patience = {}) override {
        return calls_.through<Done>([&] { return inner_.query(statement, sink, patience); });
    }
    Result<std::vector<std::int64_t>> transact(std::span<const Statement> statements,
                                               const Patience& patience = {}) override {
        return calls_.through<std::vector<std::int64_t>>(
            [&] { return inner_.transact(statements, patience); });
    }
    int commits_at_once() const override { return inner_.commits_at_once(); }
    Result<std::optional<std::string>> lease_holder(const Patience& patience = {}) override {
        return calls_.through<std::optional<std::string>>(
            [&] { return inner_.lease_holder(patience); });
    }
    Result<std::unique_ptr<Lease>> acquire_lease(const std::string& holder) override {
        return calls_.through<std::unique_ptr<Lease>>([&] { return inner_.acquire_lease(holder); });
    }
    Result<> ensure_table(const PriceTable& table) override {
        return calls_.through<Done>([&] { return inner_.ensure_table(table); });
    }
    Result<> backup(const std::string& path,
                    const std::function<void(int percent)>& progress) override {
        return calls_.through<Done>([&] { return inner_.backup(path, progress); });
    }

private:
    Store& inner_;
    Calls& calls_;
};

}  // namespace tapedeck
