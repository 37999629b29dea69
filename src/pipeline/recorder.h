#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/guarded_by.h"
#include "events/log.h"
#include "pipeline/collector.h"
#include "pipeline/coverage.h"
#include "pipeline/loader.h"
#include "pipeline/problems.h"
#include "pipeline/run_table.h"
#include "schedule/planner.h"
#include "store/statement_journal.h"

namespace tapedeck {

// What is recorded: from the configuration.
struct RecorderOrders {
    std::vector<DagSpec> dags;  // valid; those that collect name a feed of `feeds`
    std::map<std::string, Feed> feeds;
    std::vector<Expectation> expectations;
    LoaderOptions loading;
    std::map<std::string, ProblemLimits> problem_limits;  // by feed
    std::string config;                                   // digest
    std::chrono::milliseconds tape_retention{0};          // 0: for ever
};

// Runs the schedule: starts each slot's run at its instant, loads what it puts on the tape, settles
// the coverage and tells problems. The schedule's thread is the caller's. State survives kill -9 at
// any moment: what a plan decides is in the store before it is carried out; or, while the store is
// away, in the journal, from where the store gets it when it is back.
class Recorder {
public:
    struct Parts {
        Clock& clock;
        Store& store;
        Tape& tape;
        CaptureStore* captures;
        const SecretLookup& secrets;
        Log& log;
        std::function<Result<std::unique_ptr<HttpClient>>()> make_client;
        ProblemTeller::Tell tell;
        std::function<void()> changed;        // on the schedule's thread, after a slot or a load
        std::function<void()> housekeeping;   // on a thread of its own, once an hour: pruning
        std::string name;                     // host and process, for people
        StatementJournal* journal = nullptr;  // none: a store that is away is waited for
        std::function<bool()> accounts_wait = {};  // whether a spool holds back what was sent
    };

    Recorder(Parts parts, RecorderOrders orders);

    // Until `stop`, or an error that waiting cannot mend. After `stop` the runs under way have
    // Collector::kLastSeconds to end, and what they sent is loaded.
    Result<> run(std::stop_token stop);

    const SourceStates& sources() const { return states_; }

private:
    struct Dag {
        DagSpec spec;
        Schedule schedule;
        DagState state;
    };
    struct Ended {  // a collect task's try
        StartTask task;
        std::string feed;
        Result<RunOutcomes> account;
    };
    struct Worker {
        StartTask task;
        std::jthread thread;
    };
    struct Bench {  // what one collecting thread works with
        std::unique_ptr<HttpClient> client;
        std::unique_ptr<Collector> collector;
    };

    Result<> catch_up();
    std::optional<Timestamp> next_slot() const;
    Result<> load_states();
    Result<DagState> state_of(const DagSpec& spec, const std::vector<RunRow>& open);
    Result<> read_pauses();
    Result<Timestamp> step();  // one plan; when to make the next
    Result<> save(const Plan& plan);
    Result<> save_with_patience(std::span<const Statement> statements);
    Result<> save_or_journal(std::span<const Statement> statements);
    Result<> bring_journal_home();
    Result<> finish();
    void carry_out(const Action& action);
    Result<> start_collecting(const StartTask& task);
    Result<std::vector<std::string>> still_wanted(const StartTask& task, const Feed& feed);
    Result<> take_events();
    Result<> task_ended(const Ended& ended);
    Result<> settle();
    void keep_house();
    void wake();
    Bench take_bench();
    void return_bench(Bench bench);
    std::string run_id(const std::string& dag, Timestamp slot) const;

    Parts parts_;
    const RecorderOrders orders_;
    SourceStates states_;
    RunTable runs_;
    CoverageLedger coverage_;
    ProblemTeller problems_;

    // The schedule thread's.
    std::vector<Dag> dags_;
    std::vector<Statement> unsaved_;  // of ended tasks, written with the next plan
    std::map<std::pair<std::string, Timestamp>, std::set<std::string>> sent_;  // by run
    std::set<std::string> dirty_;         // feeds whose coverage is to be settled
    std::optional<Timestamp> settle_at_;  // when a pending slot is given up
    std::chrono::microseconds house_kept_{-1};
    std::optional<std::chrono::microseconds> store_away_;  // since when, by the steady clock
    std::chrono::microseconds asked_store_{0};             // when the store was last tried
    std::list<Worker> workers_;
    std::jthread house_;

    std::mutex mutex_;
    std::vector<Ended> ended_ TAPEDECK_GUARDED_BY(mutex_);
    std::vector<Bench> benches_ TAPEDECK_GUARDED_BY(mutex_);
    bool loaded_ TAPEDECK_GUARDED_BY(mutex_) = false;
    std::optional<Error> load_error_ TAPEDECK_GUARDED_BY(mutex_);
    std::stop_source wake_ TAPEDECK_GUARDED_BY(mutex_);
    std::stop_token stop_;
};

}  // namespace tapedeck
