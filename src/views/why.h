#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "captures/captures.h"
#include "mend/dead_letters.h"
#include "sources/source.h"
#include "tape/tape.h"
#include "views/coverage_view.h"
#include "views/price_story.h"

namespace tapedeck {

struct RuleFacts {
    std::string rule;
    std::string read;  // the price, or why none
    std::string excerpt;
};

// All that is known of one price, or of one that is missing.
struct Story {
    std::string feed;
    std::string instrument;
    std::optional<Timestamp> slot;
    std::optional<RowFacts> row;
    std::optional<CoverageRow> coverage;  // none: no schedule expected it
    std::optional<TriedFacts> tried;
    std::vector<AttemptFacts> attempts;
    std::optional<SentFacts> sent;
    std::vector<StoredLetter> letters;  // of the message
    std::optional<BatchFacts> batch;
    std::optional<Capture> capture;
    std::vector<RuleFacts> rules;
    std::string message;  // on the tape
};

struct WhyParts {
    Store& store;
    Tape& tape;
    Captures* captures;  // none: they are not kept
    CoverageView coverage;
    const std::map<std::string, Feed>& feeds;  // all that were ever recorded
    std::span<const Expectation> expectations;
    Timestamp now;
    // The source of that name, as attempts have it; none where there is none any more.
    std::function<std::shared_ptr<const Source>(const std::string& name)> source_of;
};

// There is nothing to tell, and why.
struct NothingToTell {
    std::string why;
};

// The rows with that ID, of the tables of the feeds, or of one that `place` names: by feed or by
// table.
Result<std::vector<RowFacts>> rows_of_id(const WhyParts& parts, const std::string& place,
                                         std::int64_t id);
Result<Story> story_of(const WhyParts& parts, RowFacts row);
// Of the slot, or of the last one in which there was a row or somebody asked.
Result<std::variant<Story, NothingToTell>> story_of(const WhyParts& parts, const std::string& feed,
                                                    const std::string& instrument,
                                                    std::optional<Timestamp> slot);
std::string json_of(const Story& story);

}  // namespace tapedeck
