// The only user of CLI11 (4.6 s to compile): it knows the words of the command line and nothing of
// what they do.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <functional>
#include <span>
#include <sstream>

#include "app/command_words.h"
#include "app/completion.h"
#include "app/man_page.h"
#include "app/moment.h"
#include "app/verbs.h"
#include "base/clock.h"
#include "config/nearest.h"

namespace tapedeck {
namespace {

constexpr const char* kAbout =
    "Records market prices, exactly and completely, and can prove it.\n"
    "Exit codes: 0 fine, 1 failed, 2 usage, 3 not found, 4 found something (gaps, differences),\n"
    "5 busy, 6 store or source unreachable.";

constexpr int kLargestChart = 20'000;

// A moment of moment.h, which the verb that it is for makes a time of.
void add_moment(CLI::App* verb, const std::string& name, std::string& target,
                const std::string& help) {
    verb->add_option(name, target, help)->type_name("TIME");
}

void add_span(CLI::App* verb, SpanOptions& span) {
    verb->add_option("day", span.day, "A day: 2026-11-24, today or yesterday")->type_name("DAY");
    add_moment(verb, "--from", span.from,
               fmt::format("From this moment on, inclusive: {}", kMomentForms));
    add_moment(verb, "--to", span.to, "Up to this moment, exclusive");
    verb->add_option("--feed", span.feed, "Of one feed")->type_name("FEED");
    verb->add_option("--instrument", span.instrument, "Of one instrument")->type_name("NAME");
}

void add_slots(CLI::App* verb, RunOptions& options) {
    verb->add_option("--slots", options.slots, "Stop after so many slots")
        ->type_name("N")
        ->check(CLI::Range(1, 1'000'000'000));
}

// What the verbs are told; lives as long as the parser.
struct Told {
    Globals globals;
    RunOptions run;
    RunOptions demo;
    CollectOptions collect;
    LoadVerbOptions load;
    StatusOptions status;
    NextOptions next;
    SpanOptions gaps;
    SpanOptions audit;
    WhyOptions why;
    DeadLettersOptions dead_letters;
    ExtractOptions extract;
    SourcesOptions sources;
    SlotsOptions slots;
    CheckOptions check;
    ConfigVerbOptions config;
    VariablesOptions variables;
    InstrumentsOptions instruments;
    DagOptions dag;
    BackupOptions backup;
    RestoreOptions restore;
    ExportOptions exported;
    PlotOptions plot;
    S3Options s3;
    LambdaOptions lambda;
    SparkOptions spark;
    std::string zone;
    // What is meant by the machine's clock, once the zone is known.
    struct Moment {
        std::string option;
        std::string text{};
        std::optional<Timestamp>& time;
    };
    std::deque<Moment> moments;
    std::string shell;
    std::string helped;  // the verb that `help` is asked about
    std::function<Exit()> act;
};

class Words {
public:
    Words(CLI::App& app, Told& told) : app_(app), told_(told) {}

    void add_all() {
        add_recording();
        add_looking();
        add_dead_letters();
        add_sources();
        add_settings();
        add_data();
        add_aws();
        add_spark();
        add_itself();
    }

private:
    void add_time(CLI::App* verb, const std::string& name, std::optional<Timestamp>& target,
                  const std::string& help) {
        told_.moments.push_back({name, {}, target});
        add_moment(verb, name, told_.moments.back().text, help);
    }

    template <class Options>
    CLI::App* verb(const std::string& name, const std::string& help, const Options& options,
                   Exit (*act)(const Globals&, const Options&)) {
        CLI::App* verb = app_.add_subcommand(name, help);
        verb->fallthrough();
        verb->callback([this, &options, act] {
            told_.act = [this, &options, act] { return act(told_.globals, options); };
        });
        return verb;
    }

    void add_recording() {
        auto* run = verb("run", "Record on schedule until stopped", told_.run, verb_run);
        add_time(run, "--until", told_.run.until, "Stop at this moment");
        add_slots(run, told_.run);
        run->add_flag("--plain", told_.run.plain, "Log lines in place of the live table");
        add_starts(run, told_.run.starts);

        told_.demo.demo = true;
        auto* demo =
            verb("demo", "Record simulated prices served on this machine", told_.demo, verb_run);
        demo->add_option("--speed", told_.demo.speed,
                         "Seconds of schedule time in one second (30: a slot every 10 s)")
            ->check(CLI::Range(0.01, 100'000.0));
        demo->add_option("--pages", told_.demo.pages, "Serve the saved pages of this folder")
            ->type_name("FOLDER");
        add_time(demo, "--until", told_.demo.until, "Stop at this moment of the demo's clock");
        add_slots(demo, told_.demo);
        demo->add_flag("--plain", told_.demo.plain, "Log lines in place of the live table");

        auto* collect =
            verb("collect", "Ask for the prices of one slot now", told_.collect, verb_collect);
        collect->add_option("feed", told_.collect.feed, "The feed")->required();
        add_time(collect, "--slot", told_.collect.slot, "The slot; without it, the present one");
        collect->add_flag("--off-schedule", told_.collect.off_schedule,
                          "Whatever the schedule says; the prices have no slot");

        auto* load = verb("load", "Load the tape into the store", told_.load, verb_load);
        load->add_flag("--until-end", told_.load.until_end, "Stop when all is loaded");
        add_starts(load, told_.load.starts);
    }

    static void add_starts(CLI::App* verb, StartOptions& starts) {
        auto* end = verb->add_flag("--from-end", starts.from_end,
                                   "Topics of which nothing is loaded: what comes from now on");
        verb->add_flag("--from-start", starts.from_start, "The same: all that they hold")
            ->excludes(end);
        verb->add_option("--from", starts.from, "The same: from this time on, of one topic or all")
            ->type_name("[TOPIC=]TIME")
            ->expected(1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }

    void add_looking() {
        auto* status = verb("status", "What was expected, recorded, missing; how all is doing",
                            told_.status, verb_status);
        status->add_flag("--fail", told_.status.fail, "Exit 4 where something is wrong");
        auto* next = verb("next", "The next slots of each DAG", told_.next, verb_next);
        next->add_option("--count", told_.next.count, "How many of each")
            ->check(CLI::Range(1, 1000));
        auto* gaps = verb("gaps", "Every price that is missing, and why", told_.gaps, verb_gaps);
        add_span(gaps, told_.gaps);
        auto* audit = verb("audit", "Derive the ledger again and compare", told_.audit, verb_audit);
        add_span(audit, told_.audit);
        auto* why = verb("why", "All that is known of one price", told_.why, verb_why);
        why->add_option("what", told_.why.what,
                        "ID of a row, FEED:ID, or FEED INSTRUMENT SLOT for one that is missing")
            ->required()
            ->expected(1, 3);
        auto* slots = verb("slots", "The instants that a DAG or a cron expression expects",
                           told_.slots, verb_slots);
        slots->add_option("dag", told_.slots.dag, "The DAG");
        slots->add_option("--cron", told_.slots.cron, "A cron expression in place of a DAG");
        slots->add_option("--zone", told_.slots.zone, "Its time zone");
        slots->add_option("--calendar", told_.slots.calendar, "Its calendar");
        slots->add_option("--from", told_.slots.from, "From this moment on, inclusive")->required();
        slots->add_option("--to", told_.slots.to, "Up to this moment, exclusive")->required();
    }

    void add_dead_letters() {
        DeadLettersOptions& told = told_.dead_letters;
        auto* letters = verb("dead-letters", "Messages that are no rows: look, retry, drop", told,
                             verb_dead_letters);
        letters->add_option("action", told.action, "list, show, retry or drop")
            ->required()
            ->check(CLI::IsMember({"list", "show", "retry", "drop"}));
        letters->add_option("id", told.ids, "Their IDs, for show, retry and drop");
        letters->add_option("--feed", told.feed, "Of one feed")->type_name("FEED");
        letters->add_option("--topic", told.topic, "Of one topic")->type_name("TOPIC");
        letters->add_option("--reason", told.reason, "Whose reason has this in it");
        add_moment(letters, "--from", told.from, "Recorded from this moment on, inclusive");
        add_moment(letters, "--to", told.to, "Recorded before this moment");
        letters->add_option("--state", told.state, "With list: open, retried, dropped or all")
            ->check(CLI::IsMember({"open", "retried", "dropped", "all"}));
        letters->add_option("--limit", told.limit, "How many at most; list shows 100")
            ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}));
        letters->add_flag("--all", told.all, "Retry or drop every open one");
        letters->add_option("--because", told.because, "With drop: why; it is kept")
            ->type_name("TEXT");
    }

    void add_sources() {
        auto* extract = verb("extract", "What a source's rules read from a saved page",
                             told_.extract, verb_extract);
        extract->add_option("--source", told_.extract.source, "The source")->required();
        extract->add_option("--instrument", told_.extract.instrument, "The instrument")->required();
        extract->add_option("--status", told_.extract.status, "The HTTP status it came with")
            ->check(CLI::Range(100, 599));
        extract->add_option("--content-type", told_.extract.content_type,
                            "Its Content-Type, such as \"text/html; charset=windows-1252\"");
        extract->add_flag("--every-rule", told_.extract.every_rule, "What each rule reads");
        extract->add_option("file", told_.extract.file, "The page; - is standard input")
            ->required();
        auto* sources =
            verb("sources", "The sources, and how each is doing", told_.sources, verb_sources);
        sources->add_option("name", told_.sources.name, "One source, whole");
        sources->add_flag("--probe", told_.sources.probe, "Ask each for one price now");
    }

    void add_settings() {
        auto* check = verb("check", "Whether all is ready to record", told_.check, verb_check);
        check->add_flag("--online", told_.check.online, "Ask the sites as well");
        check->add_flag("--migrate", told_.check.migrate,
                        "First bring the store's tables up to date, the earlier pipeline's too");

        auto* config = verb("config", "The configuration", told_.config, verb_config);
        config->add_option("action", told_.config.action, "show, explain, check or reference")
            ->required()
            ->check(CLI::IsMember({"show", "explain", "check", "reference"}));
        config->add_option("key", told_.config.key, "With explain: a key or table");

        auto* variables =
            verb("variables", "Variables of Airflow", told_.variables, verb_variables);
        variables->add_option("action", told_.variables.action, "import")
            ->required()
            ->check(CLI::IsMember({"import"}));
        variables->add_option("file", told_.variables.file, "The JSON file")->required();
        variables->add_flag("--dry-run", told_.variables.dry_run, "Show the result, write nothing");

        auto* instruments = verb("instruments", "The instruments of the feeds", told_.instruments,
                                 verb_instruments);
        instruments->add_option("action", told_.instruments.action, "list, add, remove or rename")
            ->required()
            ->check(CLI::IsMember({"list", "add", "remove", "rename"}));
        instruments->add_option("feed", told_.instruments.feed, "The feed");
        instruments->add_option("instrument", told_.instruments.instrument, "The instrument");
        instruments->add_option("new", told_.instruments.new_name, "With rename: its new name");

        auto* dag = verb("dag", "The DAGs: what runs when", told_.dag, verb_dag);
        dag->add_option("action", told_.dag.action, "list, show, pause or resume")
            ->required()
            ->check(CLI::IsMember({"list", "show", "pause", "resume"}));
        dag->add_option("name", told_.dag.name, "The DAG");
    }

    void add_data() {
        auto* backup = verb("backup", "Copy all that a recorder needs while it is being written",
                            told_.backup, verb_backup);
        backup
            ->add_option("file", told_.backup.file,
                         "The copy; must not exist. A folder where it is more than one file")
            ->required();
        backup->add_flag("--captures", told_.backup.captures, "The pages as they came as well");
        auto* restore = verb("restore", "Put a copy where the configuration has its files",
                             told_.restore, verb_restore);
        restore->add_option("backup", told_.restore.backup, "What `backup` has made")->required();

        auto* exported = verb("export", "Prices as CSV or JSON lines, with their exact digits",
                              told_.exported, verb_export);
        add_span(exported, told_.exported.span);
        exported->add_option("--format", told_.exported.format, "csv or jsonl")
            ->check(CLI::IsMember({"csv", "jsonl"}));
        add_moment(exported, "--as-known-at", told_.exported.known_at,
                   "As the store knew them at this moment");
        exported->add_option("--output", told_.exported.file, "A file in place of standard output");
        exported->add_flag("--all", told_.exported.all, "Every source and revision");

        auto* plot = verb("plot", "A chart of prices", told_.plot, verb_plot);
        plot->add_option("instrument", told_.plot.span.instrument, "The instrument")->required();
        add_moment(plot, "--from", told_.plot.span.from, "From this moment on");
        add_moment(plot, "--to", told_.plot.span.to, "Up to this moment");
        plot->add_option("--day", told_.plot.span.day, "Of one day");
        plot->add_option("--feed", told_.plot.span.feed, "Of one feed");
        plot->add_option("--svg", told_.plot.svg, "Write an SVG file")->type_name("FILE");
        plot->add_option("--width", told_.plot.width, "In columns, or pixels of the SVG")
            ->check(CLI::Range(1, kLargestChart));
        plot->add_option("--height", told_.plot.height, "In lines, or pixels of the SVG")
            ->check(CLI::Range(1, kLargestChart));
    }

    void add_aws() {
        S3Options& s3_told = told_.s3;
        auto* s3 = verb("s3", "Files in Amazon S3, or what speaks like it", s3_told, verb_s3);
        s3->add_option("action", s3_told.action, "get, put, ls or presign")
            ->required()
            ->check(CLI::IsMember({"get", "put", "ls", "presign"}));
        s3->add_option("what", s3_told.what, "s3://BUCKET/KEY; with put a file before it")
            ->required()
            ->expected(1, 2);
        s3->add_flag("--recursive", s3_told.deep, "With ls: everything below");
        s3->add_option("--expires", s3_told.expires, "With presign: how long it opens the object")
            ->type_name("DURATION");
        s3->add_option("--sse", s3_told.encryption, "With put: AES256 or aws:kms");
        s3->add_option("--sse-kms-key-id", s3_told.kms_key, "With put and aws:kms: the key");

        LambdaOptions& told = told_.lambda;
        auto* lambda = verb("lambda", "AWS Lambda: be its function, package, deploy and call it",
                            told, verb_lambda);
        lambda
            ->add_option("action", told.action, "package, deploy or invoke; none: be the function")
            ->check(CLI::IsMember({"package", "deploy", "invoke"}));
        lambda->add_option("function", told.function, "Its name: coin_record");
        lambda->add_option("--machine", told.machine, "With package and deploy: x86_64 or arm64")
            ->check(CLI::IsMember({"x86_64", "arm64"}));
        lambda->add_option("--bootstrap", told.bootstrap, "The function's program, built before")
            ->type_name("FILE");
        lambda->add_option("--output", told.output, "With package: the file")->type_name("FILE");
        lambda->add_option("--zip", told.zip, "With deploy: a package made before")
            ->type_name("FILE");
        lambda->add_option("--role", told.role, "With deploy: the ARN of its role");
        lambda->add_option("--timeout", told.timeout, "With deploy: seconds for one call")
            ->check(CLI::Range(1, 900));
        lambda->add_option("--memory", told.memory, "With deploy: MB")
            ->check(CLI::Range(128, 10'240));
        lambda->add_option("--subnet", told.subnets, "With deploy: where its network is");
        lambda->add_option("--security-group", told.groups, "With deploy: of its network");
        lambda->add_option("--payload", told.payload, "With invoke: the event, or @FILE")
            ->type_name("JSON");
        lambda->add_flag("--event", told.event, "With invoke: do not wait for the answer");
    }

    void add_spark() {
        SparkOptions& told = told_.spark;
        auto* spark =
            verb("spark", "Loading on a Spark cluster: what its archive brings", told, verb_spark);
        spark->add_option("action", told.action, "package: what is in it, and for which machines")
            ->required()
            ->check(CLI::IsMember({"package"}));
        spark->add_option("archive", told.archive, "Made by tools/spark_library.sh")
            ->required()
            ->type_name("FILE");
    }

    // What the program says of itself: the verbs beside --version and --help.
    void add_itself() {
        auto* version = app_.add_subcommand("version", "Which version this is");
        version->fallthrough();
        version->callback([this] {
            told_.act = [this] {
                print(told_.globals.json ? R"({"version":")" TAPEDECK_VERSION "\"}\n"
                                         : TAPEDECK_VERSION "\n");
                return Exit::fine;
            };
        });
        auto* help = app_.add_subcommand("help", "The verbs, or the words of one of them");
        help->add_option("verb", told_.helped, "The verb");
        help->callback([this] { told_.act = [this] { return show_help(); }; });
    }

    Exit show_help() const {
        if (told_.helped.empty()) {
            // Its own help() would be that of the verb that was told: this one.
            print(app_.get_formatter()->make_help(&app_, app_.get_name(),
                                                  CLI::AppFormatMode::Normal));
            return Exit::fine;
        }
        for (const CLI::App* verb : app_.get_subcommands([](const CLI::App*) { return true; })) {
            if (verb->get_name() != told_.helped) continue;
            print(verb->help());
            return Exit::fine;
        }
        return fail(Exit::not_found, "there is no verb " + told_.helped);
    }

    CLI::App& app_;
    Told& told_;
};

VerbWords words_of(const CLI::App& app) {
    VerbWords words{app.get_description(), {}};
    for (const CLI::Option* option : app.get_options()) {
        const bool is_option = !option->get_lnames().empty();
        OptionWords one{is_option ? "--" + option->get_lnames().front() : option->get_name(),
                        is_option ? option->get_name(false, true) : option->get_name(),
                        option->get_description()};
        if (const auto comma = one.shown.find(','); comma != std::string::npos) {
            one.shown.insert(comma + 1, " ");  // "-q, --quiet"
        }
        if (is_option && option->get_expected_max() > 0) {
            one.shown += " " + option->get_type_name();
        }
        words.options.push_back(std::move(one));
    }
    return words;
}

// What the command line knows, for the shells' completion and the manual page.
CommandWords command_words(const CLI::App& app) {
    CommandWords words;
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
        words[verb->get_name()] = words_of(*verb);
    }
    words[""] = words_of(app);
    return words;
}

Result<> read_times(Told& told) {
    if (!told.zone.empty()) {
        const auto zone = Zone::named(told.zone);
        if (!zone) return in_context("--zone", zone.error());
        told.globals.zone = *zone;
    }
    for (const Told::Moment& one : told.moments) {
        if (one.text.empty()) continue;
        const auto time = moment_named(one.text, SystemClock().now(), told.globals.zone);
        if (!time) return in_context(one.option, time.error());
        one.time = *time;
    }
    return {};
}

// "there is no verb stats; did you mean status?" where the first word is no verb.
std::optional<std::string> unknown_verb(const CLI::App& app, std::span<char*> arguments) {
    std::vector<std::string> verbs;
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
        verbs.push_back(verb->get_name());
    }
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string word = arguments[i];
        if (word == "--config" || word == "--set") ++i;  // and its value
        if (word.starts_with("-")) continue;
        if (std::ranges::find(verbs, word) != verbs.end()) return std::nullopt;
        return "there is no verb " + word + did_you_mean(word, verbs);
    }
    return "what shall it do? `tapedeck --help` tells the verbs";
}

}  // namespace

Exit command_line(int argc, char** argv) {
    CLI::App app(kAbout, "tapedeck");
    app.set_version_flag("--version", TAPEDECK_VERSION);
    app.require_subcommand(1);
    app.option_defaults()->always_capture_default(false);
    Told told;
    if (const char* file = std::getenv("TAPEDECK_CONFIG")) told.globals.config.environment = file;
    app.add_option("--config", told.globals.config.file,
                   "The configuration file; else $TAPEDECK_CONFIG, else ./tapedeck.toml. `demo` "
                   "stands for the demo's")
        ->type_name("FILE");
    app.add_option("--set", told.globals.config.sets, "KEY=VALUE for one key, over the file's")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    app.add_option("--zone", told.zone,
                   "The time zone of days and clocks on the command line, such as Europe/Berlin; "
                   "else UTC, in which all is printed")
        ->type_name("ZONE");
    app.add_flag("--json", told.globals.json, "The answer as JSON");
    app.add_flag("--quiet,-q", told.globals.quiet, "No talk on standard error");
    Words words(app, told);  // its callbacks run while the arguments are parsed
    words.add_all();
    auto* completion = app.add_subcommand("completion", "Completion for bash, zsh or fish");
    completion->add_option("shell", told.shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    completion->callback([&] {
        told.act = [&] {
            print(completion_script(told.shell, command_words(app)));
            return Exit::fine;
        };
    });
    auto* man = app.add_subcommand("man", "The manual page, for `man -l -`");
    man->callback([&] {
        told.act = [&] {
            print(man_page(TAPEDECK_VERSION, command_words(app)));
            return Exit::fine;
        };
    });
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) {  // --help, --version
        std::ostringstream text;
        app.exit(asked, text, text);
        print(text.str());
        return Exit::fine;
    } catch (const CLI::ParseError& error) {
        const auto wrong = unknown_verb(app, std::span(argv + 1, argv + argc));
        return fail(Exit::usage,
                    wrong.value_or(error.what() + std::string("; `--help` tells the words")));
    }
    if (const auto read = read_times(told); !read) return fail(Exit::usage, read.error().what);
    return told.act();
}

}  // namespace tapedeck
