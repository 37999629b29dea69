#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/output.h"
#include "base/time.h"
#include "market/zone.h"

namespace tapedeck {

// What every verb is told.
struct Globals {
    ConfigOptions config;
    Zone zone{};  // of days and clocks on the command line; what is printed is in UTC
    bool json = false;
    bool quiet = false;
};

// One struct of options and one function for each verb; the command line fills the struct and
// calls the function, which prints the answer on stdout, talk on stderr, and gives the exit code.

// Where the loading of topics begins of which nothing is loaded yet.
struct StartOptions {
    bool from_start = false;
    bool from_end = false;
    std::vector<std::string> from;  // [TOPIC=]TIME, or start or end in its place
};

struct RunOptions {
    bool demo = false;
    double speed = 0;                // of the clock; 0: 1, and in the demo 30
    std::string pages;               // demo: a folder of saved pages to serve
    std::optional<Timestamp> until;  // stop then, by the recorder's clock
    std::optional<int> slots;        // stop after so many slots of each feed
    bool plain = false;              // log lines, no live table
    StartOptions starts{};
    // Not on the command line:
    std::function<void()> changed;         // called after each change
    std::optional<Timestamp> stood_still;  // the demo: since when nothing was expected
};
Exit verb_run(const Globals& globals, const RunOptions& options);

struct CollectOptions {
    std::string feed;
    std::optional<Timestamp> slot;
    bool off_schedule = false;  // prices without a slot
};
Exit verb_collect(const Globals& globals, const CollectOptions& options);

struct LoadVerbOptions {
    bool until_end = false;
    StartOptions starts{};
};
Exit verb_load(const Globals& globals, const LoadVerbOptions& options);

struct StatusOptions {
    bool fail = false;  // exit 4 where something is wrong
};
Exit verb_status(const Globals& globals, const StatusOptions& options);

struct NextOptions {
    int count = 5;
};
Exit verb_next(const Globals& globals, const NextOptions& options);

// A span of slots: of one day, or from and to, as moment.h has them; everything without.
struct SpanOptions {
    std::string day;
    std::string from;
    std::string to;
    std::string feed;
    std::string instrument;
};
Exit verb_gaps(const Globals& globals, const SpanOptions& options);
Exit verb_audit(const Globals& globals, const SpanOptions& options);

struct WhyOptions {
    std::vector<std::string> what;  // ID · TABLE:ID · FEED INSTRUMENT SLOT
};
Exit verb_why(const Globals& globals, const WhyOptions& options);

struct DeadLettersOptions {
    static constexpr std::int64_t kListed = 100;
    std::string action;  // list · show · retry · drop
    std::vector<std::int64_t> ids;
    std::string feed;
    std::string topic;
    std::string reason;  // is part of theirs
    std::string from;    // a moment
    std::string to;
    std::string state = "open";         // list: open · retried · dropped · all
    std::optional<std::int64_t> limit;  // none: list shows kListed, retry and drop take all
    bool all = false;                   // retry, drop: every open one
    std::string because;                // drop
};
Exit verb_dead_letters(const Globals& globals, const DeadLettersOptions& options);

struct ExtractOptions {
    std::string source;
    std::string instrument;
    std::string file;  // "-": standard input
    int status = 0;
    std::string content_type;
    bool every_rule = false;
};
Exit verb_extract(const Globals& globals, const ExtractOptions& options);

struct SourcesOptions {
    std::string name;  // of one, whole
    bool probe = false;
};
Exit verb_sources(const Globals& globals, const SourcesOptions& options);

struct SlotsOptions {
    std::string dag;
    std::string cron;
    std::string zone = "UTC";
    std::string calendar = "always";
    std::string from;
    std::string to;
};
Exit verb_slots(const Globals& globals, const SlotsOptions& options);

struct CheckOptions {
    bool online = false;
    bool migrate = false;
};
Exit verb_check(const Globals& globals, const CheckOptions& options);

struct ConfigVerbOptions {
    std::string action;  // show · explain · check · reference
    std::string key;
};
Exit verb_config(const Globals& globals, const ConfigVerbOptions& options);

struct VariablesOptions {
    std::string action;  // import
    std::string file;
    bool dry_run = false;
};
Exit verb_variables(const Globals& globals, const VariablesOptions& options);

struct InstrumentsOptions {
    std::string action;  // list · add · remove · rename
    std::string feed;
    std::string instrument;
    std::string new_name;
};
Exit verb_instruments(const Globals& globals, const InstrumentsOptions& options);

struct DagOptions {
    std::string action;  // list · show · pause · resume
    std::string name;
};
Exit verb_dag(const Globals& globals, const DagOptions& options);

struct BackupOptions {
    std::string file;       // or folder, where there is more than one file to copy
    bool captures = false;  // copy them as well
};
Exit verb_backup(const Globals& globals, const BackupOptions& options);

struct RestoreOptions {
    std::string backup;
};
Exit verb_restore(const Globals& globals, const RestoreOptions& options);

struct ExportOptions {
    SpanOptions span;
    std::string format = "csv";  // csv · jsonl
    std::string known_at;        // a moment
    std::string file;            // empty: standard output
    bool all = false;            // every row and revision, not one a slot and instrument
};
Exit verb_export(const Globals& globals, const ExportOptions& options);

struct PlotOptions {
    SpanOptions span;
    std::string svg;  // a file; empty: the terminal
    int width = 0;
    int height = 0;
};
Exit verb_plot(const Globals& globals, const PlotOptions& options);

struct S3Options {
    std::string action;             // get · put · ls · presign
    std::vector<std::string> what;  // places and files
    bool deep = false;              // ls: what lies behind a slash as well
    std::string expires = "1h";     // presign
    std::string encryption;         // put; empty: the configuration's
    std::string kms_key;
};
Exit verb_s3(const Globals& globals, const S3Options& options);

struct LambdaOptions {
    std::string action;  // empty: serve the runtime interface · package · deploy · invoke
    std::string function;
    std::string machine = "x86_64";  // or arm64
    std::string bootstrap;           // the function's program; empty: built here
    std::string output;              // package: a file; empty: FUNCTION.zip
    std::string zip;                 // deploy: a package that is there already
    std::string role;                // deploy: its ARN; empty: one of its own is made
    int timeout = 60;                // deploy, seconds
    int memory = 128;                // deploy, MB
    std::vector<std::string> subnets;
    std::vector<std::string> groups;
    std::string payload;  // invoke: JSON, or @FILE
    bool event = false;   // invoke: do not wait for the answer
};
Exit verb_lambda(const Globals& globals, const LambdaOptions& options);

struct SparkOptions {
    std::string action;   // package
    std::string archive;  // made by tools/spark_library.sh
};
Exit verb_spark(const Globals& globals, const SparkOptions& options);

// Parses the command line and becomes the verb.
Exit command_line(int argc, char** argv);

}  // namespace tapedeck
