#pragma once

#include "app/assembly.h"
#include "app/load_globals.h"
#include "app/verbs.h"
#include "views/coverage_view.h"

namespace tapedeck {

// The moment that an option names, as moment_named has it; none where it was not given.
Result<std::optional<Timestamp>> moment_of(const Globals& globals, const std::string& option,
                                           const std::string& text, Timestamp now);

// The span that the options name, as of `now`. Errors name the text that is no day or moment.
Result<Span> span_of(const Globals& globals, const SpanOptions& options, Timestamp now);

// What the reading verbs work with: the store as it is, and its coverage as of now. Writes nothing.
struct Reader {
    std::unique_ptr<Assembly> assembly;
    std::vector<Expectation> expectations;
    std::map<std::string, Feed> feeds;
    Timestamp now;  // by the machine's clock; for the demo, the moment that its clock reached
    std::optional<HeldBack> held_back{};  // seen after `now`, before the coverage is read
    bool simulated = false;  // the demo's: no price is real, and `now` is by a clock of its own

    CoverageView coverage() {
        return {assembly->store(), assembly->tape(), feeds, expectations, now, held_back};
    }
    // The feeds that the options name, or all.
    std::vector<std::string> feeds_named(const std::string& feed) const;
};
// `writes`: for the few who also change something.
Result<Reader> open_reader(const Globals& globals, bool writes = false);

// What a person means by a name of an instrument of that feed, or of any: itself where a feed has
// or had it, else what the name of a stock means ("Apple Inc. (AAPL)").
std::string meant_instrument(const Reader& reader, const std::string& feed,
                             const std::string& name);

// `not_found`, with a word on stderr, where the options name a feed or an instrument that was never
// recorded: "no gaps" would be no answer to that.
Exit check_names(const Reader& reader, const SpanOptions& options);

}  // namespace tapedeck
