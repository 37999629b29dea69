#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "market/reason.h"

namespace tapedeck {

// True for a failure that speaks of the source (it is away, slow, blocks us, changed its markup);
// false for one of a single instrument (unknown, stale, another one's page) or of our own making
// (no time left, the tape, a stop).
bool speaks_of_source(Reason reason);

struct BreakerLimits {
    int failures_to_open = 5;  // in a row
    std::chrono::milliseconds first_rest = std::chrono::minutes(1);
    std::chrono::milliseconds longest_rest = std::chrono::hours(1);
};

enum class BreakerState {
    closed,     // asked as usual
    open,       // rests: not asked
    half_open,  // rested: one request goes through and decides
};
std::string_view to_string(BreakerState state);

// Rests a source that keeps failing, so that its timeouts do not cost every slot its grace, and
// tries it again: after `first_rest`, then after twice as long each time, up to `longest_rest`.
//
// A state machine without clock and thread: every function takes the steady time. Results of
// requests that were under way when it opened still count: a success closes it, a failure changes
// nothing, so that a slot of a hundred timeouts is one rest and not a hundred doublings.
class CircuitBreaker {
public:
    using Time = std::chrono::microseconds;

    explicit CircuitBreaker(BreakerLimits limits = {});

    // Whether one request may be sent now. When half open, the first caller gets the trial, and
    // the others are refused until it has ended; a trial that never ends counts as lost after
    // `first_rest`.
    bool allow(Time now);

    // A price was read.
    void succeeded();

    // None was. Reasons that do not speak of the source change nothing, except that a trial which
    // ends so closes the breaker where the source did answer.
    void failed(Reason reason, Time now);

    BreakerState state(Time now) const;
    int failures() const { return failures_; }  // in a row
    Time rest_left(Time now) const;             // zero unless open

private:
    void open(Time now);

    const BreakerLimits limits_;
    int failures_ = 0;
    std::optional<Time> rests_until_;  // set while open or half open
    std::optional<Time> trial_began_;  // set while a trial is under way
    std::chrono::milliseconds next_rest_;
};

}  // namespace tapedeck
