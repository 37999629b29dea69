#pragma once

#include "coverage/coverage.h"

namespace tapedeck {

// One window of a feed's slots, derived: rows in order of slot and instrument.
struct DerivedWindow {
    Timestamp from;
    Timestamp to;
    std::vector<CoverageRow> rows;
    std::int64_t closed = 0;        // instruments of closed slots
    std::optional<Timestamp> next;  // when to look again at one of them that is pending
};
using WindowSink = std::function<Result<>(const DerivedWindow&)>;
// Called before the facts of [from, to) are read.
using BeforeWindow = std::function<Result<>(Timestamp from, Timestamp to)>;

// Derives the coverage of one feed in [from, to) at `now` and gives it window by window, in order
// of time, each of some thousand states, or of one slot. Windows without an instant are given too.
// `expectations` may hold those of other feeds. With `only`, of that instrument alone. What
// `held_back` may hold is not given up; it is to be known before this is called, as what leaves a
// spool meanwhile is found on the tape.
Result<> derive_windows(Store& store, Tape& tape, const Feed& feed,
                        std::span<const Expectation* const> expectations, Timestamp from,
                        Timestamp to, Timestamp now, const WindowSink& sink,
                        const std::string& only = {}, const std::optional<HeldBack>& held_back = {},
                        const BeforeWindow& before = {});
Result<> derive_windows(Store& store, Tape& tape, const Feed& feed,
                        std::span<const Expectation> expectations, Timestamp from, Timestamp to,
                        Timestamp now, const WindowSink& sink, const std::string& only = {},
                        const std::optional<HeldBack>& held_back = {});

}  // namespace tapedeck
