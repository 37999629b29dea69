#pragma once

#include "views/coverage_view.h"

namespace tapedeck {

// Joins gaps of one feed, which come in order of their slots, where they follow one another: holds
// those alone that may still grow, and gives each run as soon as it has ended.
class GapRuns {
public:
    // `slots`: the open ones of the feed, in order, from the first gap on. `sink` outlives this.
    GapRuns(std::vector<Timestamp> slots, const GapRunSink& sink)
        : slots_(std::move(slots)), sink_(sink) {}

    Result<> add(const CoverageRow& gap);
    Result<> finish();

private:
    using Runs = std::map<std::string, GapRun, std::less<>>;  // by instrument
    std::size_t number_of(Timestamp slot);
    Result<> give(Runs& runs);
    Result<> move_back(const CoverageRow& gap);

    const std::vector<Timestamp> slots_;
    const GapRunSink& sink_;
    std::size_t number_ = 0;  // of the slot that is read
    Runs before_;             // those that reach to the slot before it
    Runs here_;               // those that reach to it
};

}  // namespace tapedeck
