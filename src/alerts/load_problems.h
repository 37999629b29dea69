#pragma once

#include <map>
#include <string>
#include <vector>

#include "alerts/problems.h"
#include "collect/feed.h"
#include "store/store.h"

namespace tapedeck {

// What keeps messages from becoming rows until a person has done something: dead letters that
// nobody has settled, and partitions of which the store takes nothing though it answers.

struct LoadProblem {
    Problem problem;  // "dead_letters:TOPIC", "stalled:TOPIC[PARTITION]"
    Timestamp since;
};
inline constexpr std::string_view kLettersProblem = "dead_letters:";
inline constexpr std::string_view kStallProblem = "stalled:";
inline bool is_of_loading(std::string_view key) {
    return key.starts_with(kLettersProblem) || key.starts_with(kStallProblem);
}

// Those of now, of all topics: a function of what the store holds. Each belongs to a feed that has
// its topic, or, as those of the accounts do, to none.
// `known` goes from one look to the next, so that what was settled is read once.
Result<std::vector<LoadProblem>> load_problems(Store& store,
                                               const std::map<std::string, Feed>& feeds,
                                               SettledLetters& known);

}  // namespace tapedeck
