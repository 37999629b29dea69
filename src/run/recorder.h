#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bell.h"
#include "run/loading_side.h"
#include "run/schedule_side.h"
#include "run/store_side.h"
#include "run/workers.h"

namespace tapedeck {

// What is recorded: from the configuration.
struct RecorderOrders {
    std::vector<DagSpec> dags;  // valid; those that collect name a feed of `feeds`
    std::map<std::string, Feed> feeds;
    std::vector<Expectation> expectations;
    LoaderOptions loading;
    std::map<std::string, ProblemLimits> problem_limits;  // by feed
    std::string config;                                   // digest
    std::string deployment = {};                          // its id
    bool others_load = false;  // then loading is for the beginning and the end alone
};

// Runs the schedule: starts each slot's run at its instant, loads what it puts on the tape, settles
// the coverage and tells problems. Its parts share nothing but values: ScheduleSide (the caller's
// thread), Workers, LoadingSide, and StoreSide with the coverage's.
class Recorder {
public:
    struct Parts {
        Clock& clock;
        Store& store;
        Tape& tape;
        Captures* captures;
        const SecretLookup& secrets;
        Log& log;
        std::function<Result<std::unique_ptr<HttpClient>>()> make_client;
        ProblemTeller::Tell tell;
        std::function<void()> changed;       // on the store's thread, after a slot or a load
        std::function<void()> housekeeping;  // on a thread of its own, once an hour: pruning
        std::string name;                    // host and process, for people
        StatementJournal& journal;
        std::function<std::optional<HeldBack>()> waiting = {};  // in a spool, what was sent
        // An error where a file that is written was taken away: asked before each plan, and then
        // nothing more is started. Waits for nobody.
        std::function<Result<>()> check_files = {};
        // Done by the thread that loads, before it does.
        std::function<Result<>(std::stop_token)> before_loading = {};
        CollectElsewhere elsewhere = {};  // of feeds that name a function
    };

    Recorder(Parts parts, RecorderOrders orders);

    // Until `stop`, or an error that waiting cannot mend. After `stop` the runs under way have
    // Collector::kLastSeconds to end, and what they sent is loaded where the store answers.
    Result<> run(std::stop_token stop);

private:
    Result<> failed();

    Parts parts_;
    Bell bell_;  // wakes the schedule
    SourceStates states_;
    StoreSide store_side_;
    Workers workers_;
    LoadingSide loading_;
    ScheduleSide schedule_;
};

}  // namespace tapedeck
