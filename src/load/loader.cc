#include "load/loader.h"

#include <algorithm>

#include "events/recording.h"
#include "load/resume.h"
#include "load/topic_claims.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr auto kFencedRest = 2s;  // before a partition that somebody else loaded is looked at again
constexpr int kIdleBeforeLooking = 10;  // polls without any partition
constexpr int kRestarts = 3;            // without a message in between

}  // namespace

Loader::Loader(Tape& tape, Store& store, Clock& clock, Log& log, LoaderOptions options,
               OnCommitted committed)
    : tape_(tape),
      store_(store),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      on_committed_(std::move(committed)),
      maker_(options_.topics, std::max<std::size_t>(1, options_.batch.rows)),
      watch_(tape, clock),
      starts_(tape, store, log, options_.starts) {}

Result<LoadSummary> Loader::run(std::stop_token stop, bool until_end) {
    refused_ = 0;
    reading_.clear();
    ends_.clear();
    sizes_.clear();
    std::vector<std::string> names;
    for (const LoadedTopic& topic : options_.topics) names.push_back(topic.topic);
    auto reader = tape_.open_reader(names, options_.group);
    if (!reader) return reader.error();
    stop_ = stop;
    commits_.emplace(store_, clock_, log_, options_.give_up_after, on_committed_);
    const std::stop_callback forward(stop, [this] { commits_->halt(); });
    commits_->start(store_.commits_at_once());
    auto read = read_on(**reader, until_end);
    commits_->drain();
    note_loaded(**reader);
    commits_->finish();
    if (auto done = commits_->failed(); !done) return done.error();
    if (!read) return read.error();
    LoadSummary summary = commits_->summary();
    summary.refused = refused_;
    return summary;
}

Result<> Loader::read_on(TapeReader& reader, bool until_end) {
    Outage outage;
    int idle = 0;
    while (!stop_.stop_requested() && !(until_end && is_done(reader))) {
        if (!commits_->failed()) break;
        leave_fenced(reader);
        if (auto done = return_to_fenced(reader); !done) return done;
        note_loaded(reader);
        // What is read while nothing can be handed over becomes a small batch; what gathers in the
        // tape's own queue meanwhile is read at once, as a large one.
        if (!commits_->wait_for_room()) continue;
        std::optional<std::chrono::milliseconds> wait;
        if (until_end || commits_->is_busy() || has_fenced()) wait = 200ms;
        auto polled = reader.poll(wait, bytes_at_once(), commits_->halted());
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
            commits_->drain();  // the next owner finds the ledger where we left it
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
        commits_->drain();
        ++epoch_;
        auto ledger = ledger_of(partitions);
        std::optional<Error> fault;
        if (!ledger) {
            fault = ledger.error();
        } else if (auto owner = AccountOwner::read(store_, {.stop = stop_}); owner) {
            maker_.set_owner(*std::move(owner));
        } else {
            fault = owner.error();
        }
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

// Tapes change between two runs alone, but only one that answers can say who it is.
Result<> Loader::know_tape() {
    if (label_) return {};
    const auto identity = tape_.identity();
    if (!identity) return identity.error();
    auto label = adopt_tape(store_, *identity, options_.place, clock_.now(), {.stop = stop_});
    if (!label) return label.error();
    auto mine = claim_topics(store_, options_.topics, {.stop = stop_});
    if (!mine) return mine;
    label_ = *std::move(label);
    return {};
}

// The ledger's entries of this tape, by the places on it.
Result<std::vector<LedgerEntry>> Loader::ledger_of(const std::vector<TopicPartition>& partitions) {
    if (auto known = know_tape(); !known) return known.error();
    auto begun = starts_.begin(options_.topics, *label_, clock_.now(), {.stop = stop_});
    if (!begun) return begun.error();
    std::vector<TopicPartition> stored;
    for (const TopicPartition& at : partitions) stored.push_back(label_->at(at));
    auto ledger = store_.ledger(stored, {.stop = stop_});
    if (!ledger) return ledger.error();
    for (LedgerEntry& entry : *ledger) entry.at = place_on_tape(entry.at);
    return ledger;
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
        auto read = read_before(entry.at, entry.next, extent->earliest);
        if (!read) return read.error();
        chunk = *std::move(read);
        for (const TapeMessage& message : chunk->messages) {
            if (message.offset < entry.next) last = message;
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
        auto work = std::make_unique<BatchWork>();
        work->epoch = epoch_;
        work->batch.advances.push_back(
            {entry.at, resume.gap->from, resume.gap->to, std::nullopt, std::nullopt});
        work->batch.gaps.push_back(*resume.gap);
        label_->stamp(work->batch);
        commits_->hand_over(std::move(work));
    }
    return reader.start(entry.at, resume.from);
}

// The last message before `next` and what surrounds it; none within reach where the tape has none.
// Right before it there may be marks of transactions.
Result<Chunk> Loader::read_before(const TopicPartition& at, Offset next, Offset earliest) {
    constexpr std::int64_t kReach = 64;  // offsets
    constexpr std::size_t kBytes = 64 * 1024;
    for (std::int64_t back = 1;; back *= 2) {
        const Offset from(std::max(earliest.value(), next.value() - back));
        auto read = tape_.read(at, from, back == 1 ? 1 : kBytes);
        if (!read) return read.error();
        const bool is_found = !read->messages.empty() && read->messages[0].offset < next;
        // A chunk may end before `next`: from its end on there is the rest.
        while (is_found && read->next < next) {
            auto more = tape_.read(at, read->next, kBytes);
            if (!more) return more.error();
            if (more->messages.empty() || more->messages[0].offset >= next) break;
            read = std::move(more);
        }
        if (is_found || from == earliest || back >= kReach) return read;
    }
}

void Loader::refuse(const TopicPartition& at, std::string_view why, TapeReader& reader) {
    log_.emit(TopicRemade{at.topic, at.partition.value(), why});
    reader.pause(at);
    ++refused_;
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
    if (chunk.messages.empty()) return pass_over(chunk.at, chunk.next);
    const auto shared = std::make_shared<const Chunk>(std::move(chunk));
    ChunkSize& size = sizes_[shared->at.topic] = {shared->messages.size(), 0, 0};
    for (const TapeMessage& message : shared->messages) size.bytes += message.value.size();
    for (std::size_t first = 0; first < shared->messages.size();) {
        if (!commits_->wait_for_room()) return;
        auto work = std::make_unique<BatchWork>();
        work->epoch = reading.epoch;
        work->chunk = shared;
        const std::size_t before = first;
        // Holes before the first message are passed over with it.
        work->batch = maker_.make(*shared, reading.from, first, work->arena, commits_->take_room());
        work->messages = static_cast<std::int64_t>(first - before);
        const Batch::Advance& advance = work->batch.advances[0];
        reading.from = advance.to;
        for (const auto& [deployment, accounts] : maker_.take_foreign()) {
            if (told_foreign_.insert(deployment).second) log_.emit(ForeignAccounts{deployment});
        }
        watch_.note(advance.at, Offset(advance.to.value() - 1), *advance.last_digest);
        label_->stamp(work->batch);
        store_.prepare(work->batch);
        for (const BatchRows& rows : work->batch.rows) size.rows += rows.records.size();
        commits_->hand_over(std::move(work));
    }
    pass_over(shared->at, shared->next);
    leave_fenced(reader);
}

// Up to the end there are offsets without a message: the marks of transactions, what was aborted.
// The ledger passes over them, so that they are neither a lag for ever nor, once retention has
// taken them, a gap.
void Loader::pass_over(const TopicPartition& at, Offset to) {
    Reading& reading = reading_.at(at);
    if (reading.from >= to || !commits_->wait_for_room()) return;
    auto work = std::make_unique<BatchWork>();
    work->epoch = reading.epoch;
    work->batch.advances.push_back({at, reading.from, to, std::nullopt, std::nullopt});
    label_->stamp(work->batch);
    reading.from = to;
    commits_->hand_over(std::move(work));
}

void Loader::leave_fenced(TapeReader& reader) {
    for (const auto& [stored, epoch] : commits_->lost()) {
        const TopicPartition at = place_on_tape(stored);
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
    for (const auto& [at, offset] : commits_->take_loaded())
        reader.note_loaded(place_on_tape(at), offset);
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
    const auto ledger = ledger_of(all);
    if (!ledger) return ledger.error();
    return std::ranges::all_of(
        *ledger, [&](const LedgerEntry& entry) { return entry.next >= ends_.at(entry.at); });
}

// Whether the end is loaded, and not only read: what was handed over last may have been fenced.
bool Loader::is_done(TapeReader& reader) {
    if (!at_end()) return false;
    commits_->drain();
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

// What all topics can bear, as nobody knows whose chunk is next.
std::size_t Loader::bytes_at_once() const {
    std::size_t bytes = bytes_to_read(options_.batch, {});
    bool first = true;
    for (const auto& [topic, size] : sizes_) {
        const std::size_t its = bytes_to_read(options_.batch, size);
        bytes = first ? its : std::min(bytes, its);
        first = false;
    }
    return bytes;
}

}  // namespace tapedeck
