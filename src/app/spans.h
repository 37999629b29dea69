#pragma once

#include "app/assembly.h"
#include "app/load_globals.h"
#include "app/verbs.h"

namespace tapedeck {

// The span that the options name: [from, to). Errors name the text that is no day or time.
struct Span {
    Timestamp from;
    Timestamp to;
};
Result<Span> span_of(const SpanOptions& options, Timestamp now);

// What the reading verbs work with: the store as it is, and its coverage as of now. Writes nothing.
struct Reader {
    std::unique_ptr<Assembly> assembly;
    std::vector<Expectation> expectations;
    std::map<std::string, Feed> feeds;
    Timestamp now;  // by the machine's clock; for the demo, the moment that its clock reached
    bool simulated = false;  // the demo's: no price is real, and `now` is by a clock of its own
};
// `writes`: for the few who also change something.
Result<Reader> open_reader(const Globals& globals, bool writes = false);

// `not_found`, with a word on stderr, where the options name a feed or an instrument that was never
// recorded: "no gaps" would be no answer to that.
Exit check_names(const Reader& reader, const SpanOptions& options);

// The coverage of [from, to): what is stored, and derived where the table does not know it yet or
// has it as pending. In order of feed, slot and instrument.
Result<std::vector<CoverageRow>> coverage_now(Reader& reader, const SpanOptions& options, Span span,
                                              std::int64_t* closed);

// What the coverage of one feed until now adds up to, closed slots included: all of it, and from
// `day` on.
struct CoverageSpans {
    CoverageSpan all;
    CoverageSpan today;
};
Result<CoverageSpans> coverage_sums(Reader& reader, const std::string& feed, Timestamp day);

}  // namespace tapedeck
