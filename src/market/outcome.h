#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/strong.h"
#include "base/time.h"
#include "market/reason.h"

namespace tapedeck {

// One question put to one source about one instrument, and what came of it.
struct Attempt {
    std::string source;
    std::string url;  // as sent, secrets masked
    Timestamp started;
    std::chrono::milliseconds took{0};
    int status = 0;                // HTTP; 0 where no answer came
    std::int64_t bytes = 0;        // of the body, unpacked
    std::string capture;           // SHA-256 in hex, or empty
    std::optional<Reason> reason;  // none: it gave the price
    std::string what;
    friend bool operator==(const Attempt&, const Attempt&) = default;
};

// What became of one instrument in one run.
struct Outcome {
    std::string instrument;
    // Where its record went, after the tape confirmed it.
    struct Sent {
        std::string topic;
        Partition partition;
        Offset offset;
        std::string source;
        std::string rule;
        friend bool operator==(const Sent&, const Sent&) = default;
    };
    std::optional<Sent> sent;
    std::optional<Reason> reason;  // where not sent: why (the first real failure of the chain)
    std::string what;
    std::vector<Attempt> attempts;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

// The account a run gives of itself: one message on the topic tapedeck_outcomes.
struct RunOutcomes {
    std::string run_id;
    std::string feed;
    Timestamp slot;
    int try_number = 1;
    Timestamp started;
    Timestamp ended;
    std::string config;     // digest of the configuration in force
    std::string collector;  // host and process, for people
    std::vector<Outcome> outcomes;
    std::string deployment = {};  // whose run it was: its id; empty: from before there were ids
    friend bool operator==(const RunOutcomes&, const RunOutcomes&) = default;
};

inline constexpr std::string_view kOutcomesTopic = "tapedeck_outcomes";

// How the run_id begins of a run that answers no slot: its `slot` is the moment at which it was
// made.
inline constexpr std::string_view kOffSchedule = "off-schedule/";

// docs/formats/outcomes.md. decode(encode(x)) == x where x has a run_id and a feed, each outcome an
// instrument, and the texts are UTF-8 without NULs; NULs are left out and what is no UTF-8 becomes
// U+FFFD. Decoding takes any bytes: `malformed` names the field and the value. Texts that stand in
// keys, numbers and years have limits, so that every account that was read fits into the tables.
std::string encode_outcomes(const RunOutcomes& run);
Result<RunOutcomes> decode_outcomes(std::string_view value);

}  // namespace tapedeck
