#pragma once

#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "collect/feed.h"
#include "collect/source_states.h"
#include "market/outcome.h"
#include "net/http_client.h"

namespace tapedeck {

// A price that a page gave, on its way to the tape.
struct Found {
    std::size_t subject;  // index into the job's instruments
    Reading reading;
    std::string source;
    std::string capture;
    Timestamp observed_at;
};

// Decides what is asked of whom and when, for one job: chains of sources, retries with back-off,
// sessions, pace, breakers and the deadline. Does no I/O itself: the collector sends what `due`
// gives and brings every answer to `answered`. One thread.
class CollectPlan {
public:
    struct Question {
        RequestId id;
        Request request;
    };
    struct Now {
        Timestamp wall;
        std::chrono::microseconds steady;
    };

    // `sessions` outlives the plan; cookies and crumbs in it serve the jobs to come.
    CollectPlan(const Feed& feed, const CollectJob& job, SourceStates& states, Sessions& sessions,
                const SecretLookup& secrets, Now now);

    // The questions whose time has come.
    std::vector<Question> due(Now now);

    // When `due` has something next, by the steady clock; nothing where all is under way or done.
    std::optional<std::chrono::microseconds> next_due() const;

    // Whether the question under way is a step of a session, whose answer is for nobody to see.
    bool is_of_session(RequestId id) const;
    // Whether its source has a session, whose cookies are as good as a password.
    bool has_session(RequestId id) const;

    // What the answer gives; instruments that it does not serve go on along their chain.
    // `capture` is the SHA-256 under which the body is kept, or empty.
    std::vector<Found> answered(const Answer& answer, const std::string& capture, Now now);

    // The tape took the record, or did not.
    void sent(std::size_t subject, Outcome::Sent sent);
    void not_sent(std::size_t subject, Failure failure);

    // Gives up what has no price yet.
    void give_up(Reason reason, std::string_view what);

    // Nothing more is asked and nothing is under way.
    bool done() const { return queued_.empty() && under_way_.empty() && waiting_count_ == 0; }

    std::vector<Outcome> outcomes() const;

private:
    enum class Weight { passed_over, rested, asked };  // of the failure that is told
    struct Subject {
        Outcome outcome;
        Weight weight = Weight::passed_over;
        std::size_t source = 0;  // position in the chain
        int tries = 0;           // of this source
        bool found = false;
    };
    enum class Kind { query, cookie, crumb };
    struct Ask {
        RequestId id;
        Kind kind = Kind::query;
        std::size_t source = 0;
        std::vector<std::size_t> subjects;
        PlannedRequest planned;
        std::chrono::microseconds start{0};
    };
    struct Line {  // before one source
        std::vector<std::size_t> subjects;
        std::chrono::microseconds ready{0};
    };

    void join_line(std::size_t subject, Now now, std::chrono::microseconds delay);
    void plan_line(std::size_t source, Now now);
    void plan_queries(std::size_t source, std::span<const std::size_t> subjects, Now now);
    void plan_session(std::size_t source, std::vector<std::size_t> subjects, Now now);
    void queue(Ask ask, Now now);
    void too_late(const Ask& ask, Now now);
    void pass_over(std::span<const std::size_t> subjects, std::size_t source,
                   const Failure& failure, Now now);
    void fail(std::size_t subject, std::size_t source, const Failure& failure, Attempt attempt,
              Now now);
    void session_answered(Ask ask, const Answer& answer, Now now);
    static Weight weight_of(const Failure& failure, const Attempt& attempt);
    Attempt attempt_of(const Ask& ask, const Answer& answer, const std::string& capture) const;

    const Feed& feed_;
    const CollectJob& job_;
    SourceStates& states_;
    Sessions& sessions_;
    const SecretLookup& secrets_;
    std::vector<Subject> subjects_;
    std::map<std::size_t, Line> lines_;  // by source
    std::size_t waiting_count_ = 0;      // in lines_
    std::vector<Ask> queued_;
    std::map<RequestId, Ask> under_way_;
    std::uint64_t last_id_ = 0;
    std::minstd_rand jitter_;
};

}  // namespace tapedeck
