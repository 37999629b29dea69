#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/bell.h"
#include "base/mutex.h"
#include "events/log.h"
#include "load/loader.h"
#include "run/coverage_side.h"
#include "run/run_slots.h"
#include "store/journal/statement_journal.h"
#include "store/patient_store.h"

namespace tapedeck {

// The store's side of a recorder: brings home what the schedule has put into the journal, has the
// coverage settled, and reads what others change (pauses). One thread, which alone of the
// schedule's waits for the store, however long that takes: between the two go values only.
class StoreSide {
public:
    struct Parts {
        Clock& clock;
        Store& store;
        Tape& tape;
        Log& log;
        StatementJournal& journal;
        ProblemTeller::Tell tell;
        std::function<void()> changed;       // on the store's thread, after a slot or a load
        std::function<void()> housekeeping;  // on a thread of its own, once an hour: pruning
        std::function<std::optional<HeldBack>()> waiting;  // in a spool, what was sent
        std::function<void()> news;  // on the store's thread: there is something to take
    };
    struct Orders {
        std::map<std::string, Feed> feeds;
        std::vector<Expectation> expectations;
        LoaderOptions loading;
        std::map<std::string, ProblemLimits> problem_limits;  // by feed
    };
    // What the schedule thread takes when there is news.
    struct News {
        std::map<std::string, bool> paused;  // by DAG, as last read
        struct Prices {
            std::string dag;
            Timestamp slot;
            std::set<std::string> instruments;
        };
        std::vector<Prices> prices;  // that were asked for by `look_up`
    };

    StoreSide(Parts parts, Orders orders);
    ~StoreSide();

    // Before the thread: what an earlier process left in the journal and on the tape is brought
    // home, with the patience of one who has nothing else to do. A store that is away is waited
    // for, as it alone knows what was started; a tape is not.
    Result<> catch_up(std::stop_token stop);
    Result<std::vector<KnownDag>> known_dags();
    // The instruments of a slot that have a price, by row or by account.
    Result<std::set<std::string>> priced(const std::string& feed, Timestamp slot);

    void start();  // the thread

    // From any thread; none of these waits.
    void journal_grew();
    void coverage_changed();
    void look_up(const std::string& dag, const std::string& feed, Timestamp slot);
    void next_slot_is(std::optional<Timestamp> slot);  // pauses are read again shortly before it
    // Since when the schedule can start nothing, and why: what is missed meanwhile is not given up
    // before the journal tells of it.
    void held_up(std::optional<HeldBack> held_up);
    std::string waits_for();  // why the store is away; empty: it is not
    News take_news();
    Result<> failed();  // why the thread has ended, where waiting cannot mend it

    // Ends the thread, and then brings home what there still is, where the store answers: what is
    // left waits in the journal and on the tape for the next start.
    Result<> finish();

private:
    struct Question {
        std::string dag;
        std::string feed;
        Timestamp slot;
    };
    struct Work {
        bool coverage_changed = false;
        std::vector<Question> questions;
        std::optional<HeldBack> held_up;
    };

    std::optional<HeldBack> held_back();
    void loop();
    void take_work(Work& work);
    Result<> round(Work& work);
    Result<> do_all(Work& work);
    Result<> read_pauses();
    Result<> answer(std::vector<Question>& questions);
    void keep_house();
    Timestamp next_round();
    Result<> load_to_the_end(Store& store, LoaderOptions loading, std::stop_token stop);

    Parts parts_;
    const Orders orders_;
    std::stop_source stop_;
    PatientStore store_;
    RunTable runs_;
    CoverageSide coverage_;

    // The store's thread's.
    std::optional<std::chrono::microseconds> away_;  // since when, by the steady clock
    std::optional<HeldBack> held_up_;                // before this round's look into the journal
    std::optional<std::chrono::microseconds> house_kept_;
    std::atomic<bool> house_busy_ = false;
    std::jthread house_;

    Mutex mutex_;
    Work work_ TAPEDECK_GUARDED_BY(mutex_);
    News news_ TAPEDECK_GUARDED_BY(mutex_);
    std::string waits_for_ TAPEDECK_GUARDED_BY(mutex_);
    std::optional<Timestamp> next_slot_ TAPEDECK_GUARDED_BY(mutex_);
    std::optional<Error> error_ TAPEDECK_GUARDED_BY(mutex_);
    Bell bell_;

    std::jthread thread_;  // last: it ends before the rest
};

}  // namespace tapedeck
