#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "captures/captures.h"
#include "collect/collector.h"
#include "lambda/collect_event.h"
#include "lambda/runtime_api.h"

namespace tapedeck {

// The slot that a call answers, and until when a price is its.
struct CallSlot {
    Timestamp slot;
    Timestamp until;
};

// Collects one slot of a feed for each call: the same collector as in the process. Nothing is said
// to be recorded before the tape has it; what cannot be fetched in time has failed and is accounted
// for before the call's end. A call that is made again for its slot gives no second row, as rows
// are one a slot. One thread; the parts outlive it.
class CollectFunction {
public:
    struct Parts {
        Clock& clock;
        HttpClient& client;
        Log& log;
        const SecretLookup& secrets;
        Captures* captures;  // none: there is no evidence, and the answer says so
        std::string name;    // for the account
        std::map<std::string, Feed> feeds;
        // The tape behind these brokers ("host:port"), or the configured one where there are none.
        // What is sent waits for them no longer than `patience`; topics that are missing are made,
        // and waited for until `shown_by`.
        std::function<Result<Tape*>(const std::string& brokers, std::chrono::milliseconds patience,
                                    Timestamp shown_by)>
            tape;
        // `rejected` where a price of `now` answers no slot of the feed, or not the one that is
        // asked for.
        std::function<Result<CallSlot>(const std::string& feed, std::optional<Timestamp> asked,
                                       Timestamp now)>
            slot;
        std::string config;      // its digest
        std::string deployment;  // empty: none
    };
    explicit CollectFunction(Parts parts) : parts_(std::move(parts)), states_(parts_.log) {}

    LambdaReply handle(const Invocation& invocation);

private:
    struct Work {
        Feed feed;
        CollectJob job;
        std::vector<std::string> warnings;
    };
    Result<Work> prepare(const CollectEvent& event, const Invocation& invocation);
    Result<> take_original(const CollectEvent& event, Work& work) const;
    LambdaReply collect(const CollectEvent& event, const Work& work, Tape& tape);
    LambdaReply failed(std::string type, const Error& error);

    Parts parts_;
    SourceStates states_;
};

// Of the time that a call has left, what is kept for the tape at its end.
std::chrono::milliseconds kept_for_tape(std::chrono::milliseconds left);

// The answer: the earlier pipeline's statusCode and body, then what was recorded and what was not.
std::string answer_of(const Feed& feed, const RunOutcomes& run,
                      const std::vector<std::string>& messages,
                      const std::vector<std::string>& warnings, bool has_evidence);

}  // namespace tapedeck
