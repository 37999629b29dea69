#include "pipeline/loader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/sha256.h"
#include "events/recording.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kWaitingBatches = 1;
constexpr std::size_t kRooms = 3;  // kept: for the batch that is made, and those that wait
constexpr auto kFencedRest = 2s;  // before a partition that somebody else loaded is looked at again

// Beside its bytes, a message costs its place in a chunk; a row is there decoded and, while it is
// written, encoded (sizes seen with tapedeck's own messages).
constexpr std::size_t kMessageMemory = 96;
constexpr std::size_t kRowMemory = sizeof(Record) + sizeof(Offset) + sizeof(Timestamp) + 200;
constexpr std::size_t kPartAtFirst = 16;
constexpr int kIdleBeforeLooking = 10;  // polls without any partition
constexpr int kRestarts = 3;            // without a message in between

std::string name_of(const TopicPartition& at) {
    return fmt::format("{}[{}]", at.topic, at.partition.value());
}

void add(LoadSummary& sum, const LoadSummary& counts, int times) {
    sum.messages += times * counts.messages;
    sum.rows += times * counts.rows;
    sum.absorbed += times * counts.absorbed;
    sum.duplicates += times * counts.duplicates;
    sum.dead_letters += times * counts.dead_letters;
    sum.outcomes += times * counts.outcomes;
    sum.gaps += times * counts.gaps;
    sum.batches += times * counts.batches;
}

}  // namespace

std::variant<Resume, RefusePartition> plan_resume(const LedgerEntry& ledger, const Extent& extent,
                                                  const std::optional<TapeMessage>& last) {
    if (extent.end < ledger.next) {
        return RefusePartition{fmt::format(
            "{} ends at offset {}, but the ledger has loaded up to {}: the topic was deleted and "
            "made anew, or another tape stands behind the same name",
            name_of(ledger.at), extent.end.value(), ledger.next.value())};
    }
    if (last && ledger.last_digest && sha256(last->value) != *ledger.last_digest) {
        return RefusePartition{fmt::format(
            "{} holds another message at offset {} than the one loaded from there (SHA-256 {} in "
            "the ledger): the topic was deleted and made anew",
            name_of(ledger.at), last->offset.value(), hex(*ledger.last_digest))};
    }
    if (extent.earliest > ledger.next) {
        return Resume{extent.earliest, TapeGap{ledger.at, ledger.next, extent.earliest}};
    }
    return Resume{ledger.next, std::nullopt};
}

std::size_t bytes_to_read(const LoaderOptions& options, const ChunkSize& last) {
    if (last.bytes == 0) return std::max<std::size_t>(1, options.batch_bytes / kPartAtFirst);
    const std::size_t memory = last.bytes + last.messages * kMessageMemory + last.rows * kRowMemory;
    const auto share = [&](std::size_t limit, std::size_t used) {
        return static_cast<std::size_t>(static_cast<Int128>(limit) * last.bytes / used);
    };
    std::size_t bytes = std::min(options.batch_bytes, share(options.batch_memory, memory));
    if (last.rows > 0) bytes = std::min(bytes, share(options.batch_rows, last.rows));
    return std::max<std::size_t>(1, bytes);
}

Batch BatchMaker::make(const Chunk& chunk, Offset from, std::size_t& first, TextArena& arena,
                       BatchRows room) {
    TAPEDECK_ASSERT(first < chunk.messages.size());
    const auto topic = std::ranges::find(topics_, chunk.at.topic, &LoadedTopic::topic);
    TAPEDECK_ASSERT(topic != topics_.end());
    Batch batch;
    const auto end_after = [&](const TapeMessage& last) {
        batch.advances.push_back(
            {chunk.at, from, next(last.offset), last.timestamp, sha256(last.value)});
    };
    const auto refuse = [&](const TapeMessage& message, const Error& error) {
        batch.dead_letters.push_back({chunk.at, message.offset, message.timestamp,
                                      std::string(message.key), std::string(message.value),
                                      error.what});
    };
    if (!topic->table) {
        std::size_t rows = 0;
        for (; first < chunk.messages.size() && rows < most_rows_; ++first) {
            const TapeMessage& message = chunk.messages[first];
            auto run = decode_outcomes(message.value);
            if (run) {
                rows += run->outcomes.size();
                batch.outcomes.push_back({chunk.at, message.offset, *std::move(run)});
            } else {
                refuse(message, run.error());
                ++rows;
            }
        }
        end_after(chunk.messages[first - 1]);
        return batch;
    }
    BatchRows rows = std::move(room);
    rows.table = *topic->table;
    rows.advance = 0;
    rows.records.clear();
    rows.offsets.clear();
    rows.timestamps.clear();
    const std::size_t likely = std::min(chunk.messages.size() - first, most_rows_);
    rows.records.reserve(likely);
    rows.offsets.reserve(likely);
    rows.timestamps.reserve(likely);
    for (; first < chunk.messages.size(); ++first) {
        if (rows.records.size() + batch.dead_letters.size() >= most_rows_) break;
        const TapeMessage& message = chunk.messages[first];
        const auto done = decoder_.decode(message.value, topic->table->form, arena, rows.records);
        if (!done) refuse(message, done.error());
        rows.offsets.resize(rows.records.size(), message.offset);
        rows.timestamps.resize(rows.records.size(), message.timestamp);
    }
    end_after(chunk.messages[first - 1]);
    if (!rows.records.empty()) batch.rows.push_back(std::move(rows));
    return batch;
}

Loader::Loader(Tape& tape, Store& store, Clock& clock, Log& log, LoaderOptions options,
               OnCommitted committed)
    : tape_(tape),
      store_(store),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      on_committed_(std::move(committed)),
      maker_(options_.topics, std::max<std::size_t>(1, options_.batch_rows)),
      watch_(tape, clock) {}

Result<LoadSummary> Loader::run(std::stop_token stop, bool until_end) {
    summary_ = {};
    error_.reset();
    reading_.clear();
    ends_.clear();
    sizes_.clear();
    not_on_disk_.clear();
    std::vector<std::string> names;
    for (const LoadedTopic& topic : options_.topics) names.push_back(topic.topic);
    auto reader = tape_.open_reader(names, options_.group);
    if (!reader) return reader.error();
    stop_ = stop;
    halted_ = std::stop_source();
    const std::stop_callback forward(stop, [this] { halted_.request_stop(); });
    std::vector<std::jthread> committers;
    for (int i = 0; i < options_.committers; ++i) {
        committers.emplace_back([this](std::stop_token own) { commit_loop(own); });
    }
    auto read = read_on(**reader, until_end);
    drain();
    note_loaded(**reader);
    for (std::jthread& committer : committers) committer.request_stop();
    committers.clear();  // joined
    const std::lock_guard lock(mutex_);
    if (error_) return *error_;
    if (!read) return read.error();
    return summary_;
}

Result<> Loader::read_on(TapeReader& reader, bool until_end) {
    Outage outage;
    int idle = 0;
    while (!stop_.stop_requested() && !(until_end && is_done(reader))) {
        if (auto fault = failed(); !fault) break;
        leave_fenced(reader);
        if (auto done = return_to_fenced(reader); !done) return done;
        note_loaded(reader);
        // What is read while nothing can be handed over becomes a small batch; what gathers in the
        // tape's own queue meanwhile is read at once, as a large one.
        if (!wait_for_room()) continue;
        std::optional<std::chrono::milliseconds> wait;
        if (until_end || unsettled() || has_fenced()) wait = 200ms;
        auto polled = reader.poll(wait, bytes_at_once(), halted_.get_token());
        if (!polled) {
            if (auto done = bear(polled.error(), reader, until_end, outage); !done) return done;
            continue;
        }
        const bool nothing = std::holds_alternative<Idle>(*polled);
        if (!nothing) {  // silence is no sign of life
            if (outage.told) log_.emit(Recovered{"tape", 0});
            outage = {};
        }
        if (auto* news = std::get_if<Assigned>(&*polled)) {
            if (auto done = assigned(news->partitions, reader); !done) return done;
        } else if (auto* gone = std::get_if<Revoked>(&*polled)) {
            drain();  // the next owner finds the ledger where we left it
            for (const TopicPartition& at : gone->partitions) reading_.erase(at);
        } else if (auto* chunk = std::get_if<Chunk>(&*polled)) {
            take(std::move(*chunk), reader);
        }
        idle = nothing && reading_.empty() ? idle + 1 : 0;
        if (!until_end || idle < kIdleBeforeLooking) continue;
        idle = 0;
        const auto ended = others_at_end();
        if (!ended) return ended.error();
        if (*ended) break;
    }
    return {};
}

// What to do about a reader's error: nothing but to wait, to start the partitions again where the
// ledger and the tape now are, or to give up.
Result<> Loader::bear(const Error& error, TapeReader& reader, bool until_end, Outage& outage) {
    if (error.kind == ErrorKind::corrupt && outage.restarts++ < kRestarts) {
        std::vector<TopicPartition> all;
        for (const auto& [at, reading] : reading_) all.push_back(at);
        return assigned(all, reader);
    }
    if (!retryable(error.kind) || (until_end && options_.give_up_after > 0)) return error;
    if (!outage.told) log_.emit(Waiting{"tape", error.what});
    outage.told = true;
    clock_.sleep_until(clock_.now() + 1s, stop_);
    return {};
}

Result<> Loader::assigned(const std::vector<TopicPartition>& partitions, TapeReader& reader) {
    if (partitions.empty()) return {};
    for (int tries = 1;; ++tries) {
        drain();
        ++epoch_;
        auto ledger = store_.ledger(partitions);
        std::optional<Error> fault;
        if (!ledger) fault = ledger.error();
        for (std::size_t i = 0; !fault && i < ledger->size(); ++i) {
            if (auto done = start_partition((*ledger)[i], reader); !done) fault = done.error();
        }
        if (!fault) {
            if (tries > 1) log_.emit(Recovered{"starting partitions", 0});
            return {};
        }
        const bool give_up = options_.give_up_after > 0 && tries >= options_.give_up_after;
        if (!retryable(fault->kind) || give_up || stop_.stop_requested()) return *fault;
        if (tries == 1) log_.emit(Waiting{ledger ? "tape" : "store", fault->what});
        clock_.sleep_until(clock_.now() + 1s, stop_);
    }
}

Result<> Loader::start_partition(const LedgerEntry& entry, TapeReader& reader) {
    auto extent = tape_.extent(entry.at);
    if (!extent && extent.error().kind == ErrorKind::rejected) {  // its topic is gone again
        reading_[entry.at] = {epoch_, entry.next, entry.next, entry.next, true};
        refuse(entry.at, extent.error().what, reader);
        return {};
    }
    if (!extent) return extent.error();
    std::optional<Chunk> chunk;
    std::optional<TapeMessage> last;
    if (entry.next > extent->earliest && entry.next <= extent->end && entry.last_digest) {
        auto read = tape_.read(entry.at, Offset(entry.next.value() - 1), 1);
        if (!read) return read.error();
        chunk = *std::move(read);
        if (!chunk->messages.empty() && next(chunk->messages[0].offset) == entry.next) {
            last = chunk->messages[0];
        }
    }
    const auto plan = plan_resume(entry, *extent, last);
    if (const auto* refused = std::get_if<RefusePartition>(&plan)) {
        reading_[entry.at] = {epoch_, entry.next, extent->end, extent->end, true};
        refuse(entry.at, refused->why, reader);
        return {};
    }
    const auto& resume = std::get<Resume>(plan);
    reading_[entry.at] = {epoch_, resume.from, resume.from, extent->end, false};
    watch_.start(entry.at);
    if (last) watch_.note(entry.at, last->offset, *entry.last_digest);
    if (resume.gap) {
        log_.emit(TapeHasGap{entry.at.topic, entry.at.partition.value(), resume.gap->from.value(),
                             resume.gap->to.value()});
        auto work = std::make_unique<Work>();
        work->epoch = epoch_;
        work->batch.advances.push_back(
            {entry.at, resume.gap->from, resume.gap->to, std::nullopt, std::nullopt});
        work->batch.gaps.push_back(*resume.gap);
        hand_over(std::move(work));
    }
    return reader.start(entry.at, resume.from);
}

void Loader::refuse(const TopicPartition& at, std::string_view why, TapeReader& reader) {
    log_.emit(TopicRemade{at.topic, at.partition.value(), why});
    reader.pause(at);
    const std::lock_guard lock(mutex_);
    ++summary_.refused;
}

void Loader::take(Chunk chunk, TapeReader& reader) {
    const auto found = reading_.find(chunk.at);
    if (found == reading_.end() || found->second.stopped) return;
    Reading& reading = found->second;
    TAPEDECK_ASSERT(chunk.next >= reading.position);
    if (const auto why = watch_.fault(chunk.at)) {
        reading.stopped = true;
        return refuse(chunk.at, *why, reader);
    }
    reading.position = chunk.next;
    if (chunk.messages.empty()) return;
    const auto shared = std::make_shared<const Chunk>(std::move(chunk));
    ChunkSize& size = sizes_[shared->at.topic] = {shared->messages.size(), 0, 0};
    for (const TapeMessage& message : shared->messages) size.bytes += message.value.size();
    for (std::size_t first = 0; first < shared->messages.size();) {
        if (!wait_for_room()) return;
        auto work = std::make_unique<Work>();
        work->epoch = reading.epoch;
        work->chunk = shared;
        const std::size_t before = first;
        // Holes before the first message are passed over with it.
        work->batch = maker_.make(*shared, reading.from, first, work->arena, take_room());
        work->messages = static_cast<std::int64_t>(first - before);
        const Batch::Advance& advance = work->batch.advances[0];
        reading.from = advance.to;
        watch_.note(advance.at, Offset(advance.to.value() - 1), *advance.last_digest);
        store_.prepare(work->batch);
        for (const BatchRows& rows : work->batch.rows) size.rows += rows.records.size();
        hand_over(std::move(work));
    }
    leave_fenced(reader);
}

void Loader::leave_fenced(TapeReader& reader) {
    const std::lock_guard lock(mutex_);
    for (const auto& [at, epoch] : fenced_) {
        const auto found = reading_.find(at);
        if (found == reading_.end() || found->second.epoch > epoch || found->second.stopped) {
            continue;
        }
        found->second.stopped = true;
        found->second.return_at = clock_.steady() + kFencedRest;
        reader.pause(at);
    }
}

// Who was first may have been the partition's owner before us, at its last commit: then nobody but
// us will go on. The ledger says where; if the partition is not ours any more, the reader is about
// to tell.
Result<> Loader::return_to_fenced(TapeReader& reader) {
    std::vector<TopicPartition> rested;
    for (const auto& [at, reading] : reading_) {
        if (reading.return_at && *reading.return_at <= clock_.steady()) rested.push_back(at);
    }
    return assigned(rested, reader);
}

bool Loader::has_fenced() const {
    return std::ranges::any_of(
        reading_, [](const auto& entry) { return entry.second.return_at.has_value(); });
}

void Loader::note_loaded(TapeReader& reader) {
    std::map<TopicPartition, Offset> loaded;
    {
        const std::lock_guard lock(mutex_);
        loaded.swap(loaded_);
    }
    for (const auto& [at, offset] : loaded) reader.note_loaded(at, offset);
}

// Where others of the group have all the partitions, the ledger tells how far they are.
Result<bool> Loader::others_at_end() {
    if (ends_.empty()) {
        for (const LoadedTopic& topic : options_.topics) {
            const auto partitions = tape_.partitions(topic.topic);
            if (!partitions && partitions.error().kind == ErrorKind::rejected) continue;
            if (!partitions) return partitions.error();
            for (const Partition partition : *partitions) {
                const TopicPartition at{topic.topic, partition};
                const auto extent = tape_.extent(at);
                if (!extent) return extent.error();
                ends_[at] = extent->end;
            }
        }
    }
    std::vector<TopicPartition> all;
    for (const auto& [at, end] : ends_) all.push_back(at);
    if (all.empty()) return true;
    const auto ledger = store_.ledger(all);
    if (!ledger) return ledger.error();
    return std::ranges::all_of(
        *ledger, [&](const LedgerEntry& entry) { return entry.next >= ends_.at(entry.at); });
}

// Whether the end is loaded, and not only read: what was handed over last may have been fenced.
bool Loader::is_done(TapeReader& reader) {
    if (!at_end()) return false;
    drain();
    leave_fenced(reader);
    return at_end();
}

bool Loader::at_end() const {
    return !reading_.empty() && std::ranges::all_of(reading_, [](const auto& entry) {
        const Reading& reading = entry.second;
        if (reading.stopped) return !reading.return_at;
        return reading.position >= reading.end;
    });
}

Result<> Loader::failed() const {
    const std::lock_guard lock(mutex_);
    if (error_) return *error_;
    return {};
}

// What all topics can bear, as nobody knows whose chunk is next.
std::size_t Loader::bytes_at_once() const {
    std::size_t bytes = bytes_to_read(options_, {});
    bool first = true;
    for (const auto& [topic, size] : sizes_) {
        const std::size_t its = bytes_to_read(options_, size);
        bytes = first ? its : std::min(bytes, its);
        first = false;
    }
    return bytes;
}

// Waits until a batch may be handed over; false where an error has ended the committing.
bool Loader::wait_for_room() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return error_ || waiting_.size() < kWaitingBatches; });
    return !error_;
}

void Loader::hand_over(std::unique_ptr<Work> work) {
    if (!wait_for_room()) return;  // this thread alone fills the room
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
    changed_.notify_all();
}

// Something was handed over whose end the tape has not been told yet.
bool Loader::unsettled() const {
    const std::lock_guard lock(mutex_);
    return !committing_.empty() || !waiting_.empty() || !loaded_.empty();
}

void Loader::drain() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return error_ || (waiting_.empty() && committing_.empty()); });
}

// The first batch that waits and whose partition nobody is committing to.
std::deque<std::unique_ptr<Loader::Work>>::iterator Loader::next_work() {
    return std::ranges::find_if(waiting_, [&](const std::unique_ptr<Work>& work) {
        return !committing_.contains(work->batch.advances[0].at);
    });
}

void Loader::commit_loop(std::stop_token stop) {
    for (;;) {
        std::unique_ptr<Work> work;
        TopicPartition at;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, stop, [&] { return next_work() != waiting_.end(); });
            const auto next = next_work();
            if (next == waiting_.end()) return;
            work = std::move(*next);
            waiting_.erase(next);
            at = work->batch.advances[0].at;
            const auto fenced = fenced_.find(at);
            if (fenced != fenced_.end() && work->epoch <= fenced->second) {
                changed_.notify_all();
                continue;
            }
            committing_.insert(at);
            changed_.notify_all();
        }
        const auto done = commit(*work, halted_.get_token());
        keep_room(work->batch);
        work.reset();
        const std::lock_guard lock(mutex_);
        committing_.erase(at);
        if (!done && !error_) {
            error_ = done.error();
            waiting_.clear();
            halted_.request_stop();
        }
        changed_.notify_all();
    }
}

Result<> Loader::commit(const Work& work, std::stop_token stop) {
    const Batch::Advance& advance = work.batch.advances[0];
    const TopicPartition& at = advance.at;
    const auto ends_it = [&](const LedgerEntry& ledger) {
        return ledger.next == advance.to && ledger.last_digest == advance.last_digest;
    };
    const auto began = clock_.steady();
    for (int tries = 1;; ++tries) {
        bool followed = false;
        auto committed = store_.commit(work.batch, [&] { return followed = is_followed(at); });
        if (committed) {
            if (tries > 1) {
                log_.emit(Recovered{"store", (clock_.steady() - began).count() / 1000});
            }
            tell(work, *committed, !followed);
            return {};
        }
        const Error error = committed.error();
        const bool is_lost = error.kind == ErrorKind::conflict;
        if (!is_lost && !retryable(error.kind)) {
            return in_context("loading " + name_of(at), error);
        }
        if (!is_lost && tries == 1) log_.emit(Waiting{"store", error.what});
        // Was it committed before the connection broke, by this try or by one before? The ledger
        // says.
        const auto ledger = ledger_of(at);
        if (ledger && ends_it(*ledger) && (tries > 1 || !is_lost)) {
            tell(work, Committed{}, false);
            return {};
        }
        if (is_lost) {
            lose_partition(work, ledger ? std::optional(ledger->next) : std::nullopt, error.what);
            return {};
        }
        if (!ledger && ledger.error().kind == ErrorKind::conflict) continue;  // commit says so too
        const bool give_up = options_.give_up_after > 0 && tries >= options_.give_up_after;
        if (give_up || stop.stop_requested()) return error;
        clock_.sleep_until(clock_.now() + 1s, stop);
    }
}

BatchRows Loader::take_room() {
    const std::lock_guard lock(mutex_);
    if (rooms_.empty()) return {};
    BatchRows room = std::move(rooms_.back());
    rooms_.pop_back();
    return room;
}

void Loader::keep_room(Batch& batch) {
    const std::lock_guard lock(mutex_);
    for (BatchRows& rows : batch.rows) {
        if (rooms_.size() < kRooms) rooms_.push_back(std::move(rows));
    }
}

// Whether the next batch of the partition waits: nobody takes it before this one is committed.
bool Loader::is_followed(const TopicPartition& at) const {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(waiting_, [&](const std::unique_ptr<Work>& work) {
        return work->batch.advances[0].at == at;
    });
}

Result<LedgerEntry> Loader::ledger_of(const TopicPartition& at) {
    const std::vector<TopicPartition> partitions{at};
    auto ledger = store_.ledger(partitions);
    if (!ledger) return ledger.error();
    return ledger->front();
}

// The ledger is not where the batch begins: behind it where the store's server lost what it had
// committed, elsewhere where somebody else loaded. Either way the ledger says where to go on.
void Loader::lose_partition(const Work& work, std::optional<Offset> ledger, std::string_view why) {
    const Batch::Advance& advance = work.batch.advances[0];
    const TopicPartition& at = advance.at;
    const bool went_back = ledger && *ledger < advance.from;
    if (went_back) {
        log_.emit(
            LedgerWentBack{at.topic, at.partition.value(), ledger->value(), advance.from.value()});
    } else {
        log_.emit(PartitionFenced{at.topic, at.partition.value(), why});
    }
    const std::lock_guard lock(mutex_);
    fenced_[at] = work.epoch;
    const auto told = not_on_disk_.extract(at);
    if (!went_back) {
        ++summary_.fenced;
        return;
    }
    summary_.taken_back += advance.from.value() - ledger->value();
    if (told.empty()) return;
    for (const Told& one : told.mapped()) {
        if (one.to > *ledger) add(summary_, one.counts, -1);
    }
}

void Loader::tell(const Work& work, const Committed& committed, bool is_on_disk) {
    const Batch& batch = work.batch;
    const Batch::Advance& advance = batch.advances[0];
    log_.emit(BatchLoaded{advance.at.topic, advance.at.partition.value(), advance.from.value(),
                          advance.to.value(), committed.rows, committed.absorbed,
                          committed.duplicates, committed.dead_letters});
    if (!batch.dead_letters.empty()) {
        const DeadLetter& first = batch.dead_letters.front();
        log_.emit(
            MessagesUnreadable{first.at.topic, first.at.partition.value(), first.offset.value(),
                               static_cast<std::int64_t>(batch.dead_letters.size()), first.reason});
    }
    LoadSummary counts;
    counts.messages = work.messages;
    counts.rows = committed.rows;
    counts.absorbed = committed.absorbed;
    counts.duplicates = committed.duplicates;
    counts.dead_letters = committed.dead_letters;
    counts.outcomes = static_cast<std::int64_t>(batch.outcomes.size());
    for (const TapeGap& gap : batch.gaps) counts.gaps += gap.to.value() - gap.from.value();
    counts.batches = 1;
    {
        const std::lock_guard lock(mutex_);
        add(summary_, counts, 1);
        if (is_on_disk) {
            not_on_disk_.erase(advance.at);
        } else {
            not_on_disk_[advance.at].push_back({advance.to, counts});
        }
        loaded_[advance.at] = advance.to;
    }
    if (!on_committed_) return;
    const std::lock_guard lock(committed_mutex_);
    on_committed_(batch, committed);
}

}  // namespace tapedeck
