#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/made_feeds.h"
#include "app/open_parts.h"
#include "app/output.h"
#include "base/clock.h"
#include "captures/captures.h"
#include "coverage/coverage.h"
#include "events/log.h"
#include "load/loader.h"
#include "run/recorder.h"
#include "schedule/dag.h"
#include "sources/source.h"
#include "store/store.h"
#include "tape/tape.h"

namespace tapedeck {

// Objects made from a configuration. Each function makes one thing; Assembly holds those that a
// verb works with, and destroys them in the reverse order.

// The topics that are loaded: every feed's, then the outcomes'.
LoaderOptions loader_options(const Settings& settings);

class Assembly {
public:
    // Opens store and tape as configured and makes what is missing in them: tables, topics. With
    // `must_exist`, an embedded store that is not there is `rejected` and not made. Only those who
    // append ask sources: for the others a feed is there without the sources that are broken.
    struct Options {
        bool must_exist = false;
        // Nothing is made, changed or taken: files are read as look_at has it, and what an older
        // one lacks, or a new configuration names, reads as empty.
        bool only_look = false;
        // A server's tables of an older program, or of the original, are brought up to date. All
        // others leave the original's as they are, and read them so.
        bool take_over = false;
        bool captures = true;
        TapeUse tape = TapeUse::append;
        bool store = true;     // false: none is opened where the tape is in Kafka
        bool patient = false;  // brokers that are away are no error: topics are made by others
        std::unique_ptr<Clock> clock;                  // none: the machine's
        std::function<void(Sources&)> change_sources;  // the demo's
        bool lift_age_checks = false;                  // of saved pages
        std::optional<LogFormat> log_format;
        std::optional<Severity> log_least;  // where the configuration sets no level
        bool quiet = false;                 // errors alone, whatever it sets
        Log::Sink log_sink;                 // none: standard error
        std::stop_token stop;               // ends the waiting for a server's connections
    };
    static Result<std::unique_ptr<Assembly>> open(LoadedConfig config, Options options);

    const LoadedConfig& config() const { return config_; }
    const Settings& settings() const { return config_.settings; }
    Clock& clock() { return *clock_; }
    Log& log() { return log_; }
    bool has_store() const { return store_ != nullptr; }
    Store& store() { return *store_; }
    PostgresStore* postgres() { return postgres_; }  // none: the store is a file
    Tape& tape() { return *tape_.tape; }
    KafkaTape* kafka() { return tape_.kafka; }        // none: the tape is embedded
    SpoolTape* spool() { return tape_.spool; }        // none: nothing may wait
    Captures* captures() { return captures_.get(); }  // none where they are not kept
    // Why a file of captures that is there cannot be read; empty: it can, or there is none.
    const std::string& captures_fault() const { return captures_fault_; }
    const Sources& sources() const { return made_.sources; }
    const std::map<std::string, Feed>& feeds() const { return feeds_; }
    const std::vector<DagSpec>& dags() const { return dags_; }
    const SecretLookup& secrets() const { return secrets_; }

    // From now on slots are expected and started, by the present configuration:
    // app/config_history.h. For those who hold the lease and run the schedule.
    Result<> begin_schedule(std::optional<Timestamp> stood_still = std::nullopt);

    // What was expected, by the history of configurations, and what was tried besides.
    Result<std::vector<Expectation>> expectations();

    // Whose runs these are: the store's deployment, made where it is a copy that nobody has
    // recorded into yet; beside a tape alone the one that is configured. For who collects.
    Result<std::string> deployment();

    // What is loaded, in the deployment's own group where none is configured.
    Result<LoaderOptions> loading();
    Result<std::string> group();

    // The gate that the writers of the store's file share; none for any other file.
    std::shared_ptr<WriteGate> gate_of(const std::string& path) const;

    // `corrupt` where a file of the store or of the tape was deleted, moved or replaced since it
    // was opened. Any thread.
    Result<> check_files();

    // For those whose work, begun at `since`, ended with an error. Where that was a file of the
    // store or of the tape that was deleted, moved or replaced: keeps a copy of what it held, tells
    // the next recorder of it by a note, and says so.
    void rescue(Timestamp since);

    // Feeds of all expectations, those included that are no longer configured.
    Result<std::map<std::string, Feed>> feeds_ever();

private:
    Assembly(LoadedConfig config, std::unique_ptr<Clock> clock, LogFormat format, Severity least,
             Log::Sink sink)
        : config_(std::move(config)),
          clock_(std::move(clock)),
          log_(sink ? Log(std::move(sink), format, least, *clock_, known_secrets().get())
                    : Log(2, format, least, *clock_, known_secrets().get())),
          secrets_(secret_lookup(config_.settings)) {}
    Result<> open_parts(const Options& options);
    // The embedded tape's tables are in the store's file.
    bool shares_file() const {
        return std::holds_alternative<EmbeddedUrl>(settings().tape.url.target);
    }
    Result<OpenedStore> open_own_store(const Options& options);
    Result<> make_tables();
    void note_pending(const OpenedStore& opened, bool quiet);
    Result<> prepare(const Options& options);
    Result<> open_captures(const Options& options);
    Result<> note_first_tape();
    Result<> make_topic(const std::string& topic, int partitions);

    LoadedConfig config_;
    std::unique_ptr<Clock> clock_;
    Log log_;
    SecretLookup secrets_;
    MadeSources made_;
    std::map<std::string, Feed> feeds_;
    std::vector<DagSpec> dags_;
    std::unique_ptr<Store> store_;
    SqliteStore* sqlite_ = nullptr;      // `store_` itself, where it is a file
    PostgresStore* postgres_ = nullptr;  // `store_` itself, where it is a server
    OpenedTape tape_;
    std::unique_ptr<Captures> captures_;
    std::string captures_fault_;
};

// As Assembly::open with what can be copied of `options`. With `wait`, as `patiently`.
Result<std::unique_ptr<Assembly>> open_patiently(const LoadedConfig& config,
                                                 const Assembly::Options& options,
                                                 std::stop_token stop, bool wait);

// Tells, once, that something is waited for, and rests before the next try.
class Waiter {
public:
    explicit Waiter(std::stop_token stop) : stop_(std::move(stop)) {}
    // Whether to try again: not where the error is no matter of waiting, nor after a stop.
    bool rest(const Error& error);

private:
    const std::stop_token stop_;
    bool told_ = false;
};

// What `step` gives, asked again while the store is away, has no connection left or refuses us,
// until `stop`: before anything is under way, as a recorder or a loader begins.
template <class Step>
auto patiently(std::stop_token stop, bool wait, const Step& step) -> decltype(step()) {
    for (Waiter waiter(std::move(stop));;) {
        auto done = step();
        if (done || !wait || !waiter.rest(done.error())) return done;
    }
}

}  // namespace tapedeck
