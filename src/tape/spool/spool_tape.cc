#include "tape/spool/spool_tape.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/mutex.h"
#include "events/spooling.h"
#include "market/outcome.h"

namespace tapedeck {
namespace {

constexpr std::size_t kMessagesAtOnce = 1'000;
constexpr std::size_t kBytesAtOnce = 1024 * 1024;

bool is_account(const OutgoingMessage& message) { return message.topic == kOutcomesTopic; }

}  // namespace

Result<std::unique_ptr<SpoolTape>> SpoolTape::open(std::unique_ptr<Tape> tape, const Clock& clock,
                                                   Log& log, SpoolOptions options) {
    auto file = SpoolFile::open(options.path, clock);
    if (!file) return file.error();
    auto opened = std::unique_ptr<SpoolTape>(
        new SpoolTape(std::move(tape), clock, log, std::move(options), *std::move(file)));
    opened->drainer_ =
        std::jthread([spool = opened.get()](std::stop_token stop) { spool->drain_loop(stop); });
    return opened;
}

SpoolTape::~SpoolTape() = default;

std::optional<Error> SpoolTape::away() {
    const Lock lock(mutex_);
    return away_;
}

void SpoolTape::note_away(std::optional<Error> why) {
    const Lock lock(mutex_);
    away_ = std::move(why);
}

// A failure of a look is news about the tape too: the drainer finds out when it is back.
template <class T>
Result<T> SpoolTape::noting(Result<T> looked) {
    if (!looked && retryable(looked.error().kind)) {
        const Lock lock(mutex_);
        away_ = looked.error();
        waiting_ = true;
        changed_.notify_all();
    }
    return looked;
}

Result<> SpoolTape::ensure_topic(const std::string& topic, int partitions) {
    auto why = away();
    if (!why) {
        auto made = tape_->ensure_topic(topic, partitions);
        if (made || !retryable(made.error().kind)) return made;
        why = made.error();
    }
    const Lock lock(mutex_);
    wanted_[topic] = partitions;
    away_ = std::move(why);
    waiting_ = true;  // the drainer makes it, and finds out when the tape is back
    changed_.notify_all();
    return {};
}

Result<std::string> SpoolTape::identity() {
    if (auto why = away()) return *why;
    return noting(tape_->identity());
}

Result<std::vector<Partition>> SpoolTape::partitions(const std::string& topic) {
    if (auto why = away()) return *why;
    return noting(tape_->partitions(topic));
}

Result<Extent> SpoolTape::extent(const TopicPartition& at) {
    if (auto why = away()) return *why;
    return noting(tape_->extent(at));
}

Result<Offset> SpoolTape::offset_at(const TopicPartition& at, Timestamp time) {
    if (auto why = away()) return *why;
    return noting(tape_->offset_at(at, time));
}

Result<Chunk> SpoolTape::read(const TopicPartition& at, Offset from, std::size_t max_bytes) {
    if (auto why = away()) return *why;
    return noting(tape_->read(at, from, max_bytes));
}

Result<std::unique_ptr<TapeReader>> SpoolTape::open_reader(std::vector<std::string> topics,
                                                           std::string group) {
    return tape_->open_reader(std::move(topics), std::move(group));
}

Result<> SpoolTape::discard(const TopicPartition& at, Offset before) {
    if (auto why = away()) return *why;
    return tape_->discard(at, before);
}

// Puts final positions in place of the spool's; the ids that it asked for. Other messages stay as
// they are.
Result<std::vector<std::int64_t>> SpoolTape::name_positions(OutgoingMessage& message) {
    std::vector<std::int64_t> ids;
    if (!is_account(message) || message.value.find(kSpooled) == std::string::npos) return ids;
    auto run = decode_outcomes(message.value);
    if (!run) return ids;  // none of ours: the loader tells
    for (const Outcome& outcome : run->outcomes) {
        if (outcome.sent && outcome.sent->topic.starts_with(kSpooled)) {
            ids.push_back(outcome.sent->offset.value());
        }
    }
    if (ids.empty()) return ids;
    const auto fates = file_->fates(ids);
    if (!fates) return fates.error();
    for (Outcome& outcome : run->outcomes) {
        if (!outcome.sent || !outcome.sent->topic.starts_with(kSpooled)) continue;
        const auto fate = fates->find(outcome.sent->offset.value());
        if (fate != fates->end() && fate->second.position) {
            outcome.sent->topic = fate->second.position->at.topic;
            outcome.sent->partition = fate->second.position->at.partition;
            outcome.sent->offset = fate->second.position->offset;
            continue;
        }
        outcome.what = fate == fates->end() ? fmt::format("message {} is not in the spool {}",
                                                          outcome.sent->offset.value(), path())
                                            : fate->second.why;
        outcome.reason = Reason::tape;
        outcome.sent.reset();
    }
    message.value = encode_outcomes(*run);
    return ids;
}

Result<std::vector<Result<Position>>> SpoolTape::append_directly(
    std::span<const OutgoingMessage> messages) {
    std::vector<OutgoingMessage> named;
    std::vector<std::int64_t> ids;
    for (const OutgoingMessage& message : messages) {
        if (!is_account(message)) continue;
        // An account that was spooled for is rare; then the whole call works on a copy.
        if (message.value.find(kSpooled) == std::string::npos) continue;
        named.assign(messages.begin(), messages.end());
        break;
    }
    for (OutgoingMessage& message : named) {
        auto some = name_positions(message);
        if (!some) return some.error();
        ids.insert(ids.end(), some->begin(), some->end());
    }
    if (named.empty()) return tape_->append(messages);
    auto appended = tape_->append(named);
    if (!appended) return appended;
    if (std::ranges::all_of(*appended, [](const auto& one) { return one.has_value(); })) {
        if (auto done = file_->forget_fates(ids); !done) return done.error();
    }
    return appended;
}

Result<std::vector<Result<Position>>> SpoolTape::append(std::span<const OutgoingMessage> messages) {
    std::vector<Result<Position>> results(messages.size(),
                                          Error{ErrorKind::unavailable, "not sent"});
    std::vector<std::size_t> left;
    Error why{ErrorKind::unavailable, "earlier messages wait in the spool"};
    const auto sizes = file_->sizes();
    auto known_away = away();
    if (sizes && sizes->messages == 0 && !known_away) {
        auto appended = append_directly(messages);
        if (!appended && !retryable(appended.error().kind)) return appended;
        for (std::size_t i = 0; i < messages.size(); ++i) {
            if (appended && ((*appended)[i] || !retryable((*appended)[i].error().kind))) {
                results[i] = std::move((*appended)[i]);
                continue;
            }
            why = appended ? (*appended)[i].error() : appended.error();
            left.push_back(i);
        }
        if (left.empty()) return results;
        note_away(why);
    } else {
        if (known_away) why = *known_away;
        for (std::size_t i = 0; i < messages.size(); ++i) left.push_back(i);
    }
    if (sizes && sizes->messages == 0) {
        log_.emit(Spooling{path(), why.what});
        const Lock lock(mutex_);
        began_ = std::chrono::steady_clock::now();
        drained_ = 0;
    }
    spool(messages, left, why, results);
    return results;
}

// Which of them the budget lets in; the others get their error.
std::vector<std::size_t> SpoolTape::within_budget(std::span<const OutgoingMessage> messages,
                                                  std::span<const std::size_t> which,
                                                  std::vector<Result<Position>>& results) {
    std::vector<std::size_t> kept;
    const auto sizes = file_->sizes();
    if (!sizes) {
        for (const std::size_t i : which) results[i] = sizes.error();
        return kept;
    }
    std::int64_t bytes = sizes->bytes;
    for (const std::size_t i : which) {
        const auto size =
            static_cast<std::int64_t>(messages[i].key.size() + messages[i].value.size());
        // Without its account a run could not even say that the spool was full.
        const std::int64_t most =
            is_account(messages[i]) ? options_.budget + options_.budget / 8 : options_.budget;
        if (bytes + size > most) {
            results[i] = Error{
                ErrorKind::unavailable,
                fmt::format("the spool {} is full: {} messages of {} bytes wait, the budget is {}",
                            path(), sizes->messages, bytes, options_.budget)};
            continue;
        }
        bytes += size;
        kept.push_back(i);
    }
    return kept;
}

void SpoolTape::spool(std::span<const OutgoingMessage> messages, std::span<const std::size_t> which,
                      const Error& why, std::vector<Result<Position>>& results) {
    const std::vector<std::size_t> kept = within_budget(messages, which, results);
    if (kept.size() < which.size()) {
        bool told = false;
        {
            const Lock lock(mutex_);
            told = std::exchange(told_full_, true);
        }
        if (!told) log_.emit(SpoolFull{path(), options_.budget});
    }
    if (kept.empty()) return;
    std::vector<OutgoingMessage> copies;
    for (const std::size_t i : kept) copies.push_back(messages[i]);
    const auto ids = file_->put(copies);
    for (std::size_t i = 0; i < kept.size(); ++i) {
        const OutgoingMessage& message = messages[kept[i]];
        if (!ids) {
            results[kept[i]] = Error{
                ids.error().kind, fmt::format("{}; and the spool: {}", why.what, ids.error().what)};
        } else {
            results[kept[i]] =
                Position{{std::string(kSpooled) + message.topic, Partition(0)}, Offset((*ids)[i])};
        }
    }
    const Lock lock(mutex_);
    waiting_ = true;
    changed_.notify_all();
}

Result<> SpoolTape::make_wanted_topics() {
    std::map<std::string, int> wanted;
    {
        const Lock lock(mutex_);
        wanted = wanted_;
    }
    for (const auto& [topic, partitions] : wanted) {
        auto made = tape_->ensure_topic(topic, partitions);
        if (!made && retryable(made.error().kind)) return made;
        if (!made) log_.emit(SpoolRefused{topic, "", made.error().what});
        const Lock lock(mutex_);
        wanted_.erase(topic);
    }
    return {};
}

// Brings the first messages to the tape: those before an account together, an account alone, as it
// may name any of them.
Result<> SpoolTape::drain_some() {
    if (auto made = make_wanted_topics(); !made) return made;
    auto waiting = file_->first(kMessagesAtOnce, kBytesAtOnce);
    if (!waiting) return waiting.error();
    if (waiting->empty()) {
        auto there = tape_->partitions(std::string(kOutcomesTopic));
        if (!there && retryable(there.error().kind)) return there.error();
        return {};
    }
    const auto account = std::ranges::find_if(
        *waiting, [](const SpooledMessage& one) { return is_account(one.message); });
    const bool alone = account == waiting->begin();
    waiting->erase(alone ? account + 1 : account, waiting->end());
    std::vector<std::int64_t> named;
    std::vector<OutgoingMessage> messages;
    for (SpooledMessage& one : *waiting) {
        if (alone) {
            auto ids = name_positions(one.message);
            if (!ids) return ids.error();
            named = *std::move(ids);
        }
        messages.push_back(std::move(one.message));
    }
    auto appended = tape_->append(messages);
    if (!appended && retryable(appended.error().kind)) return appended.error();
    std::vector<SpoolFate> fates;
    std::optional<Error> left;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        const std::int64_t id = (*waiting)[i].id;
        if (appended && (*appended)[i]) {
            fates.push_back({id, *(*appended)[i], {}});
            continue;
        }
        const Error& error = appended ? (*appended)[i].error() : appended.error();
        // A topic that is not there yet is no fault of the message: somebody will make it.
        if (retryable(error.kind) || !tape_->partitions(messages[i].topic)) {
            left = Error{ErrorKind::unavailable, error.what};
            continue;
        }
        log_.emit(SpoolRefused{messages[i].topic, messages[i].key, error.what});
        fates.push_back({id, std::nullopt, error.what});
    }
    if (auto done = file_->settle(fates); !done) return done;
    if (alone && !left) {
        named.push_back((*waiting)[0].id);  // nobody names an account
        if (auto done = file_->forget_fates(named); !done) return done;
    }
    {
        const Lock lock(mutex_);
        drained_ += static_cast<std::int64_t>(fates.size());
    }
    if (left) return *left;
    return {};
}

void SpoolTape::drain_loop(std::stop_token stop) {
    auto pause = options_.retry;
    while (!stop.stop_requested()) {
        {
            Lock lock(mutex_);
            changed_.wait(lock, stop, [this]() TAPEDECK_REQUIRES(mutex_) { return waiting_; });
            if (stop.stop_requested()) return;
        }
        Result<> drained = Error{ErrorKind::unavailable, "another process drains the spool"};
        const bool ours = file_->lock_draining();
        if (ours) drained = drain_some();
        if (!drained) {
            file_->unlock_draining();
            if (ours) note_away(drained.error());
            Lock lock(mutex_);
            changed_.wait_for(lock, stop, pause, [] { return false; });
            pause = ours ? std::min(pause * 2, std::max(options_.longest_retry, options_.retry))
                         : options_.retry;
            continue;
        }
        pause = options_.retry;
        note_away(std::nullopt);
        const auto sizes = file_->sizes();
        if (sizes && sizes->messages > 0) continue;
        file_->unlock_draining();
        std::int64_t count = 0;
        std::chrono::milliseconds took{0};
        {
            const Lock lock(mutex_);
            // Another thread may have put a message in since.
            const auto again = file_->sizes();
            waiting_ = !again || again->messages > 0 || !wanted_.empty();
            if (!waiting_) {
                count = std::exchange(drained_, 0);
                told_full_ = false;
                took = std::chrono::duration_cast<std::chrono::milliseconds>(
                    std::chrono::steady_clock::now() - began_);
            }
        }
        if (count > 0) log_.emit(SpoolDrained{path(), count, took.count()});
    }
}

}  // namespace tapedeck
