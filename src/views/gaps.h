#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "views/coverage_view.h"
#include "views/hand_tries.h"
#include "views/tape_gaps.h"

namespace tapedeck {

// Gaps of the feeds, what was asked by hand in vain, and after them what the tape lost before it
// was loaded: its slots are among the gaps where their runs have told which they were.
struct GapSinks {
    std::function<Result<>(const GapRun&)> run;       // none: each gap by itself
    std::function<Result<>(const CoverageRow&)> gap;  // the one or the other
    std::function<Result<>(const HandTry&)> tried;
    std::function<Result<>(const LostMessages&)> lost;
};

// Which gaps are asked for.
struct GapQuestion {
    std::vector<std::string> feeds;
    std::string feed;        // the one of them that was named; empty: none was
    std::string instrument;  // empty: all
    std::string topic;       // of the feed that was named
    Span span;
};
Result<> read_gaps(Store& store, CoverageView& coverage, const GapQuestion& question,
                   const GapSinks& sinks);

// Each as an object.
void write_gap(JsonWriter& json, const CoverageRow& gap);
void write_hand_try(JsonWriter& json, const HandTry& one);
void write_lost(JsonWriter& json, const LostMessages& lost);

}  // namespace tapedeck
