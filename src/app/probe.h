#pragma once

#include <string>
#include <vector>

#include "app/assembly.h"

namespace tapedeck {

// What a source answered to one question, asked now.
struct Probe {
    std::string source;
    std::string feed;
    std::string instrument;
    std::string url;  // without secrets
    int status = 0;   // 0: no answer
    std::int64_t bytes = 0;
    std::chrono::milliseconds took{0};
    ReadResult read = Failure{Reason::interrupted, "not asked"};
};

// Asks each source of each feed's chain for the feed's first instrument, all at once, as the
// recorder does: with session, secret and checks, but without pace, and nothing is recorded.
// With `only`, that source alone. Ends when the slowest one has answered or timed out.
Result<std::vector<Probe>> probe_sources(const Settings& settings,
                                         const std::map<std::string, Feed>& feeds,
                                         const std::string& only);

bool gave_price(const Probe& probe);

// "22470.52 USD by rule price-test", or the reason and its words.
std::string words_of(const Probe& probe);

}  // namespace tapedeck
