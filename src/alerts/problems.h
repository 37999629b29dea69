#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coverage/coverage.h"
#include "events/log.h"
#include "schedule/schedule.h"

namespace tapedeck {

// Something that a person should know of until it is over.
struct Problem {
    std::string key;  // "failed:coin", "stale:coin", "frozen:coin:dogecoin", "lost:coin"
    std::string feed;
    std::string what;
    friend bool operator==(const Problem&, const Problem&) = default;
};

// When something is a problem, counted in open slots that have ended.
struct ProblemLimits {
    int stale_slots = 3;    // in a row without any price of the feed
    int frozen_slots = 12;  // in a row with the very same price of an instrument; 0: never
};

// How many slots of `schedule` a time is, by the interval at its next open instant: the least
// number of slots in a row that last `span` or longer, at least 1.
int slots_within(const Schedule& schedule, std::chrono::milliseconds span, Timestamp now);

// The last slots of a feed, oldest first, none of them pending.
struct SeenSlot {
    Timestamp slot;
    struct Seen {
        Verdict verdict;
        std::optional<Price> price;  // where recorded
    };
    std::map<std::string, Seen> instruments;
};

// What is wrong with a feed now: a function of its last slots alone.
std::vector<Problem> find_problems(const std::string& feed, const std::vector<SeenSlot>& slots,
                                   const ProblemLimits& limits);

// Dead letters up to this id were retried or dropped, which is for good.
struct SettledLetters {
    std::int64_t up_to = 0;
};

// Remembers in the store which problems were told, tells each once, and once when it is over.
class ProblemTeller {
public:
    // `tell` runs the user's command: (recovered, problem); an error is logged and nothing more.
    using Tell = std::function<Result<>(bool recovered, const Problem& problem)>;
    ProblemTeller(Store& store, Clock& clock, Log& log, Tell tell)
        : store_(store), clock_(clock), log_(log), tell_(std::move(tell)) {}

    // Looks at the last slots of each feed whose coverage changed.
    Result<> look(const std::map<std::string, Feed>& feeds, const std::string& feed,
                  const ProblemLimits& limits);
    // Looks for what keeps messages from becoming rows, of all topics: load_problems.h.
    Result<> look_at_loading(const std::map<std::string, Feed>& feeds);

private:
    Result<std::vector<SeenSlot>> last_slots(const Feed& feed, int count);
    Result<> settle(const std::vector<Problem>& now,
                    const std::function<bool(const Problem&)>& is_meant);

    Store& store_;
    Clock& clock_;
    Log& log_;
    const Tell tell_;
    SettledLetters settled_letters_;
};

}  // namespace tapedeck
