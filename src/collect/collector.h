#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "captures/captures.h"
#include "collect/collect_plan.h"
#include "events/log.h"
#include "net/http_client.h"
#include "tape/tape.h"

namespace tapedeck {

// Fetches the instruments of one slot, keeps the answers as captures, puts the prices on the tape
// as they come, and accounts for every instrument in one message on the topic tapedeck_outcomes.
// One thread; everything borrowed outlives it.
class Collector {
public:
    struct Parts {
        Clock& clock;
        Tape& tape;
        HttpClient& client;
        Captures* captures;  // none: captures are not kept
        SourceStates& states;
        const SecretLookup& secrets;  // its redactor learns what is sent before it is answered
        Log& log;
        std::string name;  // host and process, for people
        // Hears of each message of prices that the tape has taken.
        std::function<void(const OutgoingMessage&)> sent = {};
    };

    explicit Collector(Parts parts) : parts_(std::move(parts)) {}

    // After `stop`, what is under way has kLastSeconds to end; the rest is `interrupted`. The
    // account is on the tape when this returns; an error means that it could not be put there, and
    // tells what the tape said. `progress` hears how many instruments are settled.
    Result<RunOutcomes> collect(const Feed& feed, const CollectJob& job, std::stop_token stop,
                                const std::function<void(std::size_t settled)>& progress = {});

    static constexpr std::chrono::seconds kLastSeconds{3};
    // After the job's deadline nobody is asked any more; so long what was asked may take.
    static constexpr std::chrono::seconds kAfterDeadline{60};

private:
    CollectPlan::Now now() const { return {parts_.clock.now(), parts_.clock.steady()}; }
    void start(CollectPlan::Question question);
    void learn_cookies(const Answer& answer);
    std::vector<std::string> keep(std::span<const Answer> answers, const CollectPlan& plan);
    void put_on_tape(const Feed& feed, const CollectJob& job, std::vector<Found> found,
                     CollectPlan& plan);
    std::int64_t tell_failures(const RunOutcomes& run);
    Result<> append_account(const RunOutcomes& run, const CollectJob& job);
    bool is_over(const CollectJob& job) const;

    Parts parts_;
    Sessions sessions_;
};

// The message that carries a found price; without a slot where it answers none.
OutgoingMessage message_of(const Feed& feed, std::optional<Timestamp> slot, const Found& found);

// A message with the prices that it carries: one, or those of a run.
struct Parcel {
    OutgoingMessage message;
    std::vector<Found> found;
};
// What `found` is sent in: of a feed that sends arrays as few as Kafka's limit of a message allows.
std::vector<Parcel> parcels_of(const Feed& feed, std::optional<Timestamp> slot,
                               std::vector<Found> found);

}  // namespace tapedeck
