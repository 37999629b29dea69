#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace tapedeck {

// What a simulated site may do in place of answering well.
enum class Misbehaviour {
    consent,       // a redirect to a consent page; sites other than Yahoo: as challenge
    throttled,     // 429 with Retry-After
    server_error,  // 503
    challenge,     // 403 and a robot check
    slow,          // the right answer, late
    cut,           // half of the right answer
    drip,          // the right answer, one byte at a time
    hang,          // no answer
    empty,         // 200 without a body
    garbage,       // bytes that are neither HTML nor JSON
    redirects,     // a circle of redirects
    other_page,    // the page of another instrument
    not_found,     // 404
};
std::string_view to_string(Misbehaviour kind);

// How often, in requests of a hundred thousand, the demo misbehaves by itself: three per cent, so
// that most slots recover within their grace and one sees all the machinery at work.
struct MisbehaviourRates {
    int consent = 500;
    int throttled = 700;
    int server_error = 500;
    int slow = 700;
    int cut = 500;
    int challenge = 100;
    std::chrono::milliseconds slow_by{1'500};
    std::chrono::seconds retry_after{3};
    std::chrono::milliseconds drip_pause{100};  // between two bytes
    std::chrono::milliseconds hang_for{30'000};

    static MisbehaviourRates none();
};

// Decides for each request whether it is answered well. Chance is a function of the seed, the site
// with its target, and how many times that was asked, so that the order in which other requests
// come changes nothing. Any thread.
class MisbehaviourPlan {
public:
    MisbehaviourPlan(std::uint64_t seed, MisbehaviourRates rates) : seed_(seed), rates_(rates) {}

    // For tests: the next `count` requests to `site` (an empty one means any) are answered with
    // `kind`, before chance is asked.
    void script(std::string_view site, Misbehaviour kind, int count);

    // What becomes of the next request; nothing where it is answered well. Without `chance`, only
    // the script is asked.
    std::optional<Misbehaviour> next(std::string_view site, std::string_view target, bool chance);

    const MisbehaviourRates& rates() const { return rates_; }

private:
    struct Scripted {
        std::string site;
        Misbehaviour kind;
        int left;
    };

    const std::uint64_t seed_;
    const MisbehaviourRates rates_;
    Mutex mutex_;
    std::deque<Scripted> script_ TAPEDECK_GUARDED_BY(mutex_);
    std::map<std::uint64_t, std::uint64_t> asked_ TAPEDECK_GUARDED_BY(mutex_);  // by hash; bounded
};

}  // namespace tapedeck
