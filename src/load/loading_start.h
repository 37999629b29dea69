#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "events/log.h"
#include "load/batch_maker.h"
#include "store/store.h"
#include "store/tape_label.h"
#include "tape/tape.h"

namespace tapedeck {

// Where a person has the loading of a topic begin, of which nothing is loaded yet.
struct StartChoice {
    enum class Where { start, end, time };
    Where where = Where::start;
    Timestamp time{};  // the first message of this time or a later one; for Where::time
    friend bool operator==(const StartChoice&, const StartChoice&) = default;
};
struct StartChoices {
    std::optional<StartChoice> others;            // of the topics without one of their own
    std::map<std::string, StartChoice> by_topic;  // by their names on the tape
    bool is_asked = true;  // by a person, who is told where it is decided already

    bool empty() const { return !others && by_topic.empty(); }
    const StartChoice* of(const std::string& topic) const;
};

// "end", "start" or a time, with "TOPIC=" before it or not. `malformed` names the text.
Result<> add_start_choice(const std::string& text, StartChoices& choices);

// Decides where the loading of each topic begins, once, and keeps it in the table loading_starts:
// partitions that come later begin at their start. A table that holds rows which no loaded message
// gave, as the original's or another program's, may hold those of the very messages that are on
// the tape: nothing but a person knows, and until one says so nothing is loaded.
class LoadingStarts {
public:
    LoadingStarts(Tape& tape, Store& store, Log& log, StartChoices choices)
        : tape_(tape), store_(store), log_(log), choices_(std::move(choices)) {}

    // For who loads these topics, before the ledger is read; again whenever partitions come.
    // `rejected` where a person has to choose; the text names all such topics and what to say.
    Result<> begin(std::span<const LoadedTopic> topics, const TapeLabel& label, Timestamp now,
                   const Patience& patience);

    // What is chosen for those of the topics that have not begun: they are not on the tape yet.
    StartChoices left(std::span<const LoadedTopic> topics, const TapeLabel& label) const;

private:
    struct Topic;
    Result<Topic> look_at(const LoadedTopic& loaded, const TapeLabel& label,
                          const Patience& patience);
    Result<std::string> begin_one(const LoadedTopic& loaded, const TapeLabel& label, Timestamp now,
                                  const Patience& patience);
    Result<> keep(const Topic& topic, std::span<const Partition> partitions,
                  const std::optional<StartChoice>& choice, Timestamp now,
                  const Patience& patience);

    Tape& tape_;
    Store& store_;
    Log& log_;
    const StartChoices choices_;
    std::set<std::string> begun_;  // by this object
};

// What is known of a topic's start.
struct LoadingStart {
    TopicPartition at;  // as the store calls it
    Offset offset;      // the first that is loaded
    std::string how;    // "first", "start", "end", "time"
    std::string table;
    Timestamp decided_at;
};
Result<std::map<TopicPartition, LoadingStart>> loading_starts(Store& store);

// Which rows of a table were there before any of its topics was loaded: a row of another program,
// whose recorded_at is null, with an id up to `last_other`; any row up to `last_before`.
struct RowsBefore {
    std::int64_t last_other = 0;
    std::int64_t last_before = 0;
    std::optional<Timestamp> since;  // when loading began; none: nothing is loaded into it
};
Result<std::map<std::string, RowsBefore>> rows_before_loading(Store& store);

}  // namespace tapedeck
