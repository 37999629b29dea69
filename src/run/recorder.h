#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/bell.h"
#include "base/guarded_by.h"
#include "run/run_slots.h"
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
};

// Runs the schedule: starts each slot's run at its instant, loads what it puts on the tape, settles
// the coverage and tells problems. The schedule's thread is the caller's, and touches memory and
// the journal only: what a plan decides is in the journal before it is carried out, and the store's
// side brings it home. So state survives kill -9 at any moment, and no trouble of the store's
// delays a slot.
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
    };

    Recorder(Parts parts, RecorderOrders orders);

    // Until `stop`, or an error that waiting cannot mend. After `stop` the runs under way have
    // Collector::kLastSeconds to end, and what they sent is loaded where the store answers.
    Result<> run(std::stop_token stop);

private:
    Result<> begin(std::stop_token stop);
    Result<> keep_schedule(std::stop_token stop);
    // Until the store answers `step`, or a stop is requested; what waiting cannot help is returned.
    Result<> patiently(const std::stop_token& stop, const std::function<Result<>()>& step);
    void load(std::stop_token stop);
    Result<Timestamp> step();  // one plan; when to make the next
    Result<> take_ended();
    Result<> take_ended(const Workers::Ended& ended);
    void take_news();
    void held_up_by_journal(const Error& error, Timestamp now);
    void carry_out(const Action& action);
    void start_collecting(const StartTask& task);
    Result<> failed();

    Parts parts_;
    const std::map<std::string, Feed> feeds_;
    const std::vector<Expectation> expectations_;
    const LoaderOptions loading_;
    const std::string config_;
    const std::string deployment_;
    SourceStates states_;
    RunSlots slots_;
    bool journal_told_ = false;  // that it cannot be written
    Hindrance hindrance_;        // by the journal, until a plan that misses no slot is kept

    Bell bell_;
    std::mutex mutex_;
    std::optional<Error> load_error_ TAPEDECK_GUARDED_BY(mutex_);

    StoreSide store_side_;
    Workers workers_;
};

}  // namespace tapedeck
