#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "collect/feed.h"
#include "store/store.h"

namespace tapedeck {

// What a person asks of the dead letters, and does with them. A dead letter stays where it is for
// ever; once it is settled, by a retry that took its message or by somebody who drops it, a row in
// `dead_letter_ends` says so, and nothing settles it again.

// What became of a dead letter.
enum class LetterState { open, retried, dropped };
std::string_view to_string(LetterState state);
std::optional<LetterState> letter_state_named(std::string_view name);

struct StoredLetter {
    std::int64_t id;
    DeadLetter letter;  // `at` as the store calls the topic; `value` only where it is asked for
    std::int64_t bytes = 0;  // of the value
    Timestamp recorded_at;
    LetterState state = LetterState::open;
    std::optional<Timestamp> ended_at;
    std::string ended_by;
    std::string why;          // it was dropped
    std::int64_t tries = 0;   // retries that failed
    std::string last_reason;  // of the last of them; empty: as `letter.reason`

    const std::string& reason() const { return last_reason.empty() ? letter.reason : last_reason; }
};

// Which of them; everything that is set must hold.
struct LetterFilter {
    std::optional<LetterState> state = {};
    std::string topic = {};              // by its name on the tape
    std::string reason = {};             // is part of its reason
    std::optional<Timestamp> from = {};  // of recording, inclusive
    std::optional<Timestamp> to = {};    // exclusive
    std::vector<std::int64_t> ids = {};
};
using LetterSink = std::function<Result<>(const StoredLetter&)>;

// In order of id, without their values, at most `limit` of them. Pages of some hundred are read at
// once: the sink may write.
Result<> each_letter(Store& store, const LetterFilter& filter, std::int64_t limit,
                     const LetterSink& sink);

// One with its value; none where there is no such id.
Result<std::optional<StoredLetter>> find_letter(Store& store, std::int64_t id);

// Those of the message at a place, in order of id, without their values.
Result<std::vector<StoredLetter>> letters_at(Store& store, const TopicPartition& at, Offset offset);

// What a person may do about it, in a sentence or two.
std::string hint_of(const StoredLetter& letter);

// What a retry came to.
struct RetryResult {
    enum class Kind {
        loaded,   // its message is in the store now, and the dead letter has ended
        already,  // it had ended before, or somebody else was first
        stays,    // it cannot be loaded yet: `reason` says why, and is kept
    };
    Kind kind;
    std::string reason;
    Committed committed{};  // where loaded
};

// Loads dead letters again, each in one transaction with its end, from the bytes that are kept: by
// today's rules, into today's table. A record of an array that cannot be read even now is a dead
// letter of its own afterwards. `feeds`: borrowed.
class LetterRetry {
public:
    LetterRetry(Store& store, Clock& clock, const std::map<std::string, Feed>& feeds,
                std::string by);

    // `malformed` where no feed has its topic; `unavailable` where the store is away, or refuses
    // every row: then nothing is noted, as it is no fault of the letter's.
    Result<RetryResult> retry(const StoredLetter& letter);

private:
    Result<Batch> batch_of(const StoredLetter& letter, TextArena& arena);
    void reopen(Batch& batch, const std::string& topic) const;
    Result<RetryResult> stays(const StoredLetter& letter, std::string reason);

    Store& store_;
    Clock& clock_;
    const std::map<std::string, Feed>& feeds_;
    const std::string by_;
};

// Settles one for good by a person's decision; false where it has ended already.
Result<bool> drop_letter(Store& store, const StoredLetter& letter, const std::string& by,
                         const std::string& why, Timestamp now);

}  // namespace tapedeck
