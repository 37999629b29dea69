#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "app/demo.h"
#include "app/disk_room.h"
#include "app/load_globals.h"
#include "app/open_parts.h"
#include "app/pipe_status.h"
#include "app/probe.h"
#include "app/spans.h"
#include "app/verbs.h"
#include "base/json_writer.h"
#include "schedule/calendar_file.h"
#include "schedule/planner.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kLeastFree = std::int64_t{512} << 20;
constexpr std::uintmax_t kWholeCheck = std::uintmax_t{256} << 20;  // larger stores: a look at each
constexpr Timestamp kProgramMade = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);

struct CheckLine {
    std::string name;
    bool ok = true;
    std::string what;
};

class Checks {
public:
    Checks(const Globals& globals, bool migrates) : globals_(globals), migrates_(migrates) {}

    // Everything that can be told without asking anybody else.
    void run() {
        auto config = load_globals(globals_);
        if (!config) {
            add("configuration", false, config.error().what);
            check_zone_data();
            return;
        }
        add("configuration", true, config->file.empty() ? "what is built in" : config->file);
        for (const std::string& note : config->notes) add("configuration", true, "note: " + note);
        settings_ = config->settings;
        check_sources();
        check_secrets();
        check_dags();
        check_calendars();
        check_zone_data();
        if (migrates_) migrate();
        check_tables();
        check_store();
        check_disk();
        check_clock();
    }

    void run_online() {
        if (!settings_ || feeds_.empty()) return;
        const auto probes = probe_sources(*settings_, feeds_, "");
        if (!probes) {
            add("online", false, probes.error().what);
            return;
        }
        for (const Probe& probe : *probes) {
            add("online " + probe.source, gave_price(probe),
                fmt::format("{} of {}: {}", probe.instrument, probe.feed, words_of(probe)));
        }
    }

    const std::vector<CheckLine>& lines() const { return lines_; }

private:
    void add(std::string name, bool ok, std::string what) {
        lines_.push_back({std::move(name), ok, std::move(what)});
    }

    void check_sources() {
        const auto made = make_sources(*settings_);
        if (!made) return add("sources", false, made.error().what);
        add("sources", true, fmt::format("{} can be read", made->sources.size()));
        for (const BrokenSource& one : made->broken) add("source " + one.name, false, one.what);
        auto feeds = make_feeds(*settings_, *made);
        if (!feeds) return add("feeds", false, feeds.error().what);
        feeds_ = *std::move(feeds);
        for (const auto& [name, feed] : feeds_) {
            add("feed " + name, !feed.sources.empty(),
                fmt::format("{} instruments, {} sources; on {}, {}", feed.instruments.size(),
                            feed.sources.size(), feed.topic,
                            feed.sends_arrays ? "an array a run" : "an object a price"));
        }
    }

    // The secrets of the sources that feeds ask; their texts are not shown.
    void check_secrets() {
        const SecretLookup secrets = secret_lookup(*settings_);
        std::set<std::string> names;
        for (const auto& [name, feed] : feeds_) {
            for (const auto& source : feed.sources) {
                if (!source->secret.empty()) names.insert(source->secret);
            }
        }
        for (const std::string& name : names) {
            const auto secret = secrets(name);
            const bool weak = secret && !Redactor::is_recognisable(secret->reveal());
            add("secret " + name, secret.has_value(),
                !secret ? secret.error().what
                : weak  ? "is there; so short, or so like a number or a word, that it cannot be "
                          "told from "
                          "other text: where a site repeats it, it is stored"
                        : "is there");
        }
    }

    void check_dags() {
        const Timestamp now = SystemClock().now();
        for (const DagSpec& dag : make_dags(*settings_)) {
            const std::string name = "dag " + dag.name;
            if (auto valid = validate(dag); !valid) {
                add(name, false, valid.error().what);
                continue;
            }
            DagState state;
            state.dag = dag.name;
            state.first_seen = now;
            const auto schedule = dag_schedule(dag, state);
            if (!schedule) {
                add(name, false, schedule.error().what);
                continue;
            }
            const auto next = schedule->next_open(now);
            add(name, next.has_value(),
                next ? "next slot " + format_rfc3339(*next) : "has no slot within ten years");
        }
    }

    void check_calendars() {
        for (const auto& [name, own] : settings_->calendars) {
            const auto calendar = calendar_of_text(name, own.text);
            add("calendar " + name, calendar.has_value(),
                calendar ? own.file.empty() ? "of the configuration" : "by " + own.file
                         : calendar.error().what);
        }
        for (const std::string& name : calendar_names()) {
            if (name == "always") continue;
            const auto own = settings_->calendars.find(name);
            if (own != settings_->calendars.end()) continue;
            const auto calendar = calendar_named(name);
            if (!calendar) {
                add("calendar " + name, false, calendar.error().what);
                continue;
            }
            const auto end = calendar->data().listed_through.time_since_epoch();
            const std::string day =
                format_rfc3339(Timestamp(std::chrono::sys_days(end))).substr(0, 10);
            add("calendar " + name, true,
                fmt::format("in {}, announced days through {}, by rule from then on",
                            calendar->data().zone.name(), day));
        }
    }

    // The offsets of one zone that has changed them for a century are enough to see that the data
    // is there; its version is a line of one of its files.
    void check_zone_data() {
        const auto zone = Zone::named("America/New_York");
        if (!zone) return add("time zones", false, zone.error().what);
        std::string version = "of unknown version";
        std::ifstream file("/usr/share/zoneinfo/tzdata.zi");
        std::string line;
        if (std::getline(file, line) && line.starts_with("# version ")) version = line.substr(2);
        add("time zones", true, "the machine's tzdata, " + version);
    }

    // As `run` does it, without a look at the tape: a server's tables are made once by their owner.
    void migrate() {
        const SystemClock clock;
        auto opened = open_store(*settings_, clock, StoreUse::write, PostgresTables::take_over);
        if (!opened && is_before_the_first_run(opened.error().what)) return;
        Result<> done = opened ? Result<>() : Result<>(opened.error());
        for (const auto& [name, feed] : feeds_) {
            if (done) done = opened->store->ensure_table(feed.table);
        }
        if (done && std::holds_alternative<EmbeddedUrl>(settings_->tape.url.target)) {
            Log log(-1, LogFormat::text, Severity::error, clock);  // the tape's, in the same file
            auto tape = open_tape(*settings_, clock, log, TapeUse::load, *opened, false);
            if (!tape) done = tape.error();
        }
        add("migration", done.has_value(),
            done ? "tables are there, and up to date" : done.error().what);
    }

    // The store, which has looked at every feed's table.
    Result<OpenedStore> look_at_tables(const Clock& clock) const {
        auto opened = open_store(*settings_, clock, StoreUse::look, PostgresTables::look);
        if (!opened) return opened.error();
        for (const auto& [name, feed] : feeds_) {
            if (auto found = opened->store->ensure_table(feed.table); !found) return found.error();
        }
        return opened;
    }

    // What waits to be brought up to date; a store that cannot be read, `check_store` tells of.
    void check_tables() {
        const SystemClock clock;
        const auto opened = look_at_tables(clock);
        if (!opened) return;
        for (const std::string& one : pending_in(*opened)) {
            add("migration", true, "pending: " + one);
        }
    }

    void check_store() {
        const std::string name = "store";
        auto reader = open_reader(globals_);
        if (!reader && is_before_the_first_run(reader.error().what)) {
            check_folder(name, reader.error().what);
            return check_server_alone();
        }
        if (!reader) {
            add(name, false, reader.error().what);
            return check_brokers();
        }
        Store& store = reader->assembly->store();
        const std::string path = store_path();
        if (path.empty()) {
            add(name, true, to_string(settings_->store.url) + " answers");
            check_writing(*reader->assembly->postgres());
            check_tape(*reader);
            return check_recorded(*reader);
        }
        std::error_code failed;
        const auto bytes = std::filesystem::file_size(path, failed);
        const bool whole = !failed && bytes <= kWholeCheck;
        std::string damage;
        auto done = store.query({whole ? "select quick_check from pragma_quick_check(1)"
                                       : "select 'ok' from sqlite_schema limit 1",
                                 {},
                                 {}},
                                [&](const RowView& row) -> Result<> {
                                    if (row.text(0) != "ok") damage = row.text(0);
                                    return {};
                                });
        std::int64_t rows = 0;
        for (const auto& [feed_name, feed] : reader->feeds) {
            if (!done) break;
            done = store.query(
                {fmt::format("select coalesce(max(id), 0) from {}", feed.table.name), {}, {}},
                [&](const RowView& row) -> Result<> {
                    rows += row.integer(0);
                    return {};
                });
        }
        if (!done) return add(name, false, done.error().what);
        if (!damage.empty()) return add(name, false, path + ": " + damage);
        add(name, true,
            fmt::format("{}: {} bytes, {}{} rows of prices", path, failed ? 0 : bytes,
                        whole ? "checked whole, " : "", rows));
        check_tape(*reader);
        check_recorded(*reader);
    }

    // A person wants to know before a slot does. Nothing of it remains.
    void check_writing(PostgresStore& server) {
        std::vector<PriceTable> tables;
        for (const auto& [name, feed] : feeds_) {
            if (std::ranges::find(tables, feed.table) == tables.end()) tables.push_back(feed.table);
        }
        const auto found = server.try_writing(tables);
        if (!found) return add("writing", false, found.error().what);
        if (!*found) {
            return add("writing", true,
                       "not tried: the tables are made or brought up to date first");
        }
        for (const std::string& one : **found) add("writing", false, one);
        if (!(*found)->empty()) return;
        add("writing", true, "a row of every kind was written, read again and taken back");
    }

    // The server is there before the tape is.
    void check_server_alone() {
        if (!store_path().empty()) return;
        const SystemClock clock;
        const auto opened = look_at_tables(clock);
        if (!opened) return add("server", false, opened.error().what);
        check_writing(*opened->postgres);
    }

    // Whether the brokers answer, where no ledger can say what is loaded.
    void check_brokers() {
        if (!is_kafka(*settings_)) return;
        const SystemClock clock;
        Log log(-1, LogFormat::text, Severity::error, clock);
        auto tape = open_tape(*settings_, clock, log, TapeUse::look, {}, true);
        if (!tape) return add("tape", false, tape.error().what);
        const auto described = tape->kafka->describe({}, "tapedeck");
        if (!described) return add("tape", false, described.error().what);
        add("tape", true,
            fmt::format("{}: brokers {}", to_string(settings_->tape.url),
                        fmt::join(addresses_of(described->brokers), " ")));
    }

    void check_tape(Reader& reader) {
        if (reader.assembly->kafka() == nullptr) return;
        const auto pipe = pipe_status(*reader.assembly, reader.now);
        if (!pipe) {  // the store's side of it: somebody has locked the ledger
            check_brokers();
            return add("ledger", false, pipe.error().what);
        }
        if (pipe->away) return add("tape", false, *pipe->away);
        std::int64_t lag = 0;
        for (const PartitionStatus& one : pipe->partitions) lag += one.lag().value_or(0);
        add("tape", true,
            fmt::format("{}: brokers {}; {} partitions, {} messages not loaded yet", pipe->tape,
                        fmt::join(pipe->brokers, " "), pipe->partitions.size(), lag));
        check_topics(*pipe);
        if (pipe->spool) {
            add("spool", pipe->spool->refused == 0,
                fmt::format("{}: {} messages wait, {} were refused by the tape", pipe->spool_file,
                            pipe->spool->messages, pipe->spool->refused));
        }
    }

    // A topic that was deleted, or made anew, under the ledger.
    void check_topics(const PipeStatus& pipe) {
        for (const LoadedTopic& topic : loader_options(*settings_).topics) {
            for (const PartitionStatus& one : pipe.partitions) {
                if (one.at.topic != topic.topic) continue;
                if (one.extent && one.extent->end >= one.loaded) continue;
                if (!one.extent && one.loaded == Offset(0)) continue;  // not made yet
                add("topic " + topic.topic, false,
                    fmt::format("partition {} was loaded up to offset {}, and {}: it was deleted{}",
                                one.at.partition.value(), one.loaded.value(),
                                one.extent ? fmt::format("ends at {}", one.extent->end.value())
                                           : std::string("is not on the tape any more"),
                                one.extent ? " and made anew" : ""));
            }
        }
    }

    // What was recorded later than now means that one of the two clocks was wrong.
    void check_recorded(Reader& reader) {
        auto demo = demo_time_reached(reader.assembly->store());
        if (!demo || *demo) return;  // the demo's time is its own
        std::optional<Timestamp> last;
        auto done = reader.assembly->store().query(
            {"select max(committed_at) from batches", {}, {}}, [&](const RowView& row) -> Result<> {
                if (!row.is_null(0)) last = row.timestamp(0);
                return {};
            });
        if (!done) return add("clock", false, done.error().what);
        if (!last) return;
        const bool ahead = *last > reader.now + 1min;
        add("clock", !ahead,
            fmt::format("last recorded {}{}", format_rfc3339(*last),
                        ahead ? ", which is yet to come: the clock was set back" : ""));
    }

    // The store's file is still to be made, or beside a server's store the tape's.
    static bool is_before_the_first_run(std::string_view what) {
        return what.starts_with("there is no ") ||
               what.starts_with("opening the tape: there is no ");
    }

    void check_folder(const std::string& name, const std::string& what) {
        const std::string folder = folder_of_store();
        const bool writable = ::access(folder.c_str(), W_OK | X_OK) == 0;
        add(name, writable,
            writable ? what : fmt::format("{}, and {} cannot be written", what, folder));
    }

    std::string store_path() const {
        const auto* sqlite = std::get_if<SqliteUrl>(&settings_->store.url.target);
        return sqlite == nullptr ? std::string() : sqlite->path;
    }

    std::string folder_of_store() const {
        std::string path = store_path();
        const auto* tape = std::get_if<SqliteUrl>(&settings_->tape.url.target);
        if (path.empty() && tape != nullptr) path = tape->path;
        const auto parent = std::filesystem::path(path).parent_path();
        return parent.empty() ? "." : parent.string();
    }

    void check_disk() {
        const std::string folder = folder_of_store();
        const auto free = free_in(folder);
        if (!free) return add("disk", false, folder + " cannot be looked at");
        add("disk", *free >= kLeastFree,
            fmt::format("{} MiB free in {}", *free / (1024 * 1024), folder));
    }

    void check_clock() {
        const Timestamp now = SystemClock().now();
        add("clock", now > kProgramMade,
            fmt::format("{}{}", format_rfc3339(std::chrono::floor<std::chrono::seconds>(now)),
                        now > kProgramMade ? "" : ", before this program was made"));
    }

    const Globals& globals_;
    const bool migrates_;
    std::optional<Settings> settings_;
    std::map<std::string, Feed> feeds_;
    std::vector<CheckLine> lines_;
};

}  // namespace

Exit verb_check(const Globals& globals, const CheckOptions& options) {
    Checks checks(globals, options.migrate);
    checks.run();
    if (options.online) checks.run_online();
    bool fine = true;
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    Table table({{"check"}, {"state"}, {"what"}});
    for (const CheckLine& line : checks.lines()) {
        fine = fine && line.ok;
        json.begin_object().key("check").text(line.name).key("ok").boolean(line.ok);
        json.key("what").text(line.what).end_object();
        table.add({line.name, line.ok ? "ok" : "FAILED", line.what});
    }
    json.end_array();
    if (globals.json) {
        print(out + "\n");
    } else {
        table.print();
    }
    return fine ? Exit::fine : Exit::failed;
}

}  // namespace tapedeck
