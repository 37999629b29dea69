#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "alerts/problems.h"
#include "coverage/coverage.h"
#include "events/log.h"

namespace tapedeck {

// The coverage of a recorder: settles it where something has changed, tells the problems that are
// found with it, and says itself when it must be looked at again. One thread: the store's side's.
class CoverageSide {
public:
    struct Parts {
        Clock& clock;
        Store& store;
        Tape& tape;
        Log& log;
        ProblemTeller::Tell tell;
        std::function<void()> changed;                       // after a slot or a load; may be none
        std::function<std::optional<HeldBack>()> held_back;  // what is not given up yet
    };
    struct Orders {
        std::map<std::string, Feed> feeds;
        std::vector<Expectation> expectations;
        std::map<std::string, ProblemLimits> problem_limits;  // by feed
    };

    CoverageSide(Parts parts, Orders orders);

    void has_changed() { has_changed_ = true; }
    // Where something has changed, or it is time. What fails stays to be done.
    Result<> settle();
    // When `settle` has something to do though nothing has changed.
    std::optional<Timestamp> look_again_at() const { return look_again_at_; }

    // Once more, as the recorder ends: by a store of another patience, and nothing is told.
    Result<> settle_last(Store& store);

private:
    void look_for_problems(const std::set<std::string>& feeds);

    Parts parts_;
    const Orders orders_;
    CoverageLedger ledger_;
    ProblemTeller problems_;
    bool has_changed_ = true;  // nobody has looked yet
    std::optional<Timestamp> look_again_at_;
    std::optional<std::chrono::microseconds> loading_looked_at_;
};

}  // namespace tapedeck
