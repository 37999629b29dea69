#include "app/demo.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "app/assembly.h"
#include "app/load_globals.h"
#include "app/run.h"
#include "config/toml_document.h"
#include "demo/demo_clock.h"
#include "demo/demo_server.h"
#include "demo/demo_sources.h"
#include "demo/page_folder.h"
#include "schedule/calendar_file.h"
#include "store/sqlite/sqlite_store.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr double kUsualSpeed = 30;  // a slot of five minutes every ten seconds
constexpr double kSavedSpeed = 5;   // every minute: saved lists of coins take their time to read
constexpr std::string_view kClockVariable = "demo_clock";

std::string toml_list(const std::vector<std::string>& items) {
    std::string list = "[";
    for (const std::string& item : items) {
        list += (list.size() > 1 ? ", " : "") + toml_string(item);
    }
    return list + "]";
}

// The feeds' instruments and sources are those that the folder serves; of a feed of which it
// serves nothing, nothing is asked.
std::vector<std::string> sets_for(const PageFolder& folder) {
    std::vector<std::string> sets;
    for (const std::string feed : {"coin", "stock"}) {
        std::vector<std::string> instruments;
        std::map<std::string, int> reach;  // of each source
        for (const ServedInstrument& one : folder.served()) {
            if (one.feed != feed) continue;
            if (std::ranges::find(instruments, one.instrument) == instruments.end()) {
                instruments.push_back(one.instrument);
            }
            ++reach[one.source];
        }
        std::vector<std::string> sources;
        for (const auto& [name, count] : reach) sources.push_back(name);
        // Pages first, as a reader sees them; then whoever serves most.
        std::ranges::stable_sort(sources, [&](const std::string& a, const std::string& b) {
            const bool page_a = a == "coinmarketcap" || a == "yahoo";
            const bool page_b = b == "coinmarketcap" || b == "yahoo";
            return page_a != page_b ? page_a : reach[a] > reach[b];
        });
        sets.push_back(fmt::format("feed.{}.instruments={}", feed, toml_list(instruments)));
        if (!sources.empty()) {
            sets.push_back(fmt::format("feed.{}.sources={}", feed, toml_list(sources)));
        }
        sets.push_back(fmt::format("feed.{}.currency=\"\"", feed));
    }
    return sets;
}

void serve_by_demo(Sources& sources, std::uint16_t port, bool saved) {
    for (auto& [name, source] : sources) {
        auto changed = std::make_shared<Source>(*source);
        changed->name = demo_source_name(name);
        changed->url = demo_site_url(port, source->url);
        if (changed->session) {
            changed->session->cookie_url = demo_site_url(port, source->session->cookie_url);
            changed->session->crumb_url = demo_site_url(port, source->session->crumb_url);
        }
        if (saved) {
            changed->max_instruments = 1;  // a list has them all; asked for one, each is found
            changed->pace.count = 0;       // nobody's site is asked
        }
        changed->secret.clear();  // the demo's sites want no key
        changed->proxy.reset();
        source = std::move(changed);
    }
}

// What the demo's clock passed in the store of this configuration, if there is one yet.
Result<std::optional<Timestamp>> passed_before(const LoadedConfig& config) {
    Assembly::Options opening;
    opening.only_look = true;
    opening.tape = TapeUse::look;
    opening.captures = false;
    opening.log_least = Severity::error;
    auto assembly = Assembly::open(config, std::move(opening));
    if (assembly) return demo_time_passed(**assembly);
    if (assembly.error().what.starts_with("there is no ")) return std::optional<Timestamp>();
    return assembly.error();
}

// The latest time that one query gives.
Result<> note_latest(Store& store, const std::string& sql, std::optional<Timestamp>& latest) {
    return store.query({sql, {}, {}}, [&](const RowView& row) -> Result<> {
        if (!row.is_null(0)) latest = std::max(latest, std::optional(row.timestamp(0)));
        return {};
    });
}

// Everything that a demo's recorder writes is as late as one of these; what a loader beside it
// writes has the machine's time, and does not count.
Result<std::optional<Timestamp>> latest_in_store(Assembly& assembly) {
    std::optional<Timestamp> latest;
    std::vector<std::string> queries{
        "select max(at) from config_history",   "select max(created_at) from dag_runs",
        "select max(ended_at) from dag_runs",   "select max(started_at) from task_tries",
        "select max(ended_at) from task_tries", "select max(ended) from outcomes",
        "select max(settled_at) from coverage"};
    for (const auto& [name, feed] : assembly.feeds()) {
        queries.push_back("select max(date) from " + feed.table.name);
    }
    for (const std::string& sql : queries) {
        if (auto done = note_latest(assembly.store(), sql, latest); !done) return done.error();
    }
    return latest;
}

// Rows of whatever time and table: what only a loader has written is nobody's demo either, and a
// row of the original's may have no date.
Result<bool> holds_rows(Assembly& assembly) {
    std::vector<std::string> tables{"batches", "dead_letters", "duplicates"};
    for (const auto& [name, feed] : assembly.feeds()) tables.push_back(feed.table.name);
    bool holds = false;
    for (const std::string& table : tables) {
        auto done = assembly.store().query({fmt::format("select 1 from {} limit 1", table), {}, {}},
                                           [&](const RowView&) -> Result<> {
                                               holds = true;
                                               return {};
                                           });
        if (!done) return done.error();
    }
    return holds;
}

// The last messages of the feeds' topics and of the accounts; none where the tape holds none.
Result<std::optional<Timestamp>> latest_on_tape(Assembly& assembly, bool of_accounts) {
    std::vector<std::string> topics;
    for (const auto& [name, feed] : assembly.feeds()) topics.push_back(feed.topic);
    if (of_accounts) topics.emplace_back(kOutcomesTopic);
    std::optional<Timestamp> latest;
    for (const std::string& topic : topics) {
        const auto partitions = assembly.tape().partitions(topic);
        if (!partitions && partitions.error().kind == ErrorKind::rejected) continue;  // none yet
        if (!partitions) return partitions.error();
        for (const Partition partition : *partitions) {
            const TopicPartition at{topic, partition};
            const auto extent = assembly.tape().extent(at);
            if (!extent) return extent.error();
            if (extent->earliest >= extent->end) continue;
            const auto chunk = assembly.tape().read(at, Offset(extent->end.value() - 1), 1);
            if (!chunk) return chunk.error();
            for (const TapeMessage& message : chunk->messages) {
                latest = std::max(latest, std::optional(message.timestamp));
            }
        }
    }
    return latest;
}

// The whole demo but its parts' lifetimes.
struct Demo {
    std::unique_ptr<ScaledClock> clock;  // the sites'
    std::unique_ptr<DemoSite> site;
    std::unique_ptr<DemoServer> server;
};

Result<Demo> serve(Timestamp start, double speed, const Calendar& calendar,
                   std::optional<PageFolder> folder) {
    Demo demo;
    demo.clock = std::make_unique<ScaledClock>(start, speed);
    DemoSiteOptions of_site;
    if (folder) of_site.rates = MisbehaviourRates::none();
    of_site.folder = std::move(folder);
    demo.site = std::make_unique<DemoSite>(*demo.clock, calendar, std::move(of_site));
    auto server = DemoServer::start(*demo.site, {});
    if (!server) return server.error();
    demo.server = *std::move(server);
    return demo;
}

}  // namespace

Result<LoadedConfig> demo_config(const ConfigOptions& options) {
    const bool named = options.file && *options.file != "demo";
    ConfigOptions own;
    if (!named) own.sets = {"store.url=\"sqlite:tapedeck-demo.db\""};
    own.sets.insert(own.sets.end(), options.sets.begin(), options.sets.end());
    if (!named) return load_config_text(own, "", "demo");
    own.file = options.file;
    return load_config(own);
}

Result<std::optional<Timestamp>> demo_time_reached(Store& store) {
    std::optional<Timestamp> reached;
    auto done = store.query(
        {"select value from variables where name = $1", {std::string(kClockVariable)}, {}},
        [&](const RowView& row) -> Result<> {
            const auto time = parse_rfc3339(row.text(0));
            if (!time) return time.error();
            reached = *time;
            return {};
        });
    if (!done) return done.error();
    if (!reached) return reached;
    done = store.query({"select max(created_at) from dag_runs", {}, {}},
                       [&](const RowView& row) -> Result<> {
                           if (!row.is_null(0)) reached = std::max(*reached, row.timestamp(0));
                           return {};
                       });
    if (!done) return done.error();
    return reached;
}

Result<std::optional<Timestamp>> demo_time_passed(Assembly& assembly) {
    const auto kept = demo_time_reached(assembly.store());
    if (!kept) return kept;
    const auto stored = latest_in_store(assembly);
    if (!stored) return stored;
    const std::string store = to_string(assembly.settings().store.url);
    const auto rows = *kept ? Result<bool>(false) : holds_rows(assembly);
    if (!rows) return rows.error();
    if (!*kept && (*stored || *rows)) {
        return Error{ErrorKind::rejected,
                     store + " holds what no demo has recorded: the demo keeps out of it"};
    }
    const auto on_tape = latest_on_tape(assembly, kept->has_value());
    if (!on_tape) return on_tape;
    if (!*kept && *on_tape) {
        return Error{ErrorKind::rejected,
                     fmt::format("{} holds messages that no demo of {} has put there: the demo "
                                 "keeps out of it",
                                 to_string(assembly.settings().tape.url), store)};
    }
    return std::max({*kept, *stored, *on_tape});
}

Result<> refuse_demo_store(Assembly& assembly) {
    const auto reached = demo_time_reached(assembly.store());
    if (!reached) return reached.error();
    if (!*reached) return {};
    return Error{ErrorKind::rejected,
                 fmt::format("{} is the demo's and holds simulated prices: real ones are kept out "
                             "of it; name another in [store] url",
                             to_string(assembly.settings().store.url))};
}

Result<> keep_demo_time(Store& store, Timestamp reached) {
    const std::vector<Statement> statements{
        {"insert into variables (name, value, is_secret) values ($1, $2, 0) on conflict (name) do "
         "update set value = excluded.value",
         {std::string(kClockVariable), format_rfc3339(reached)},
         {}}};
    auto done = store.transact(statements);
    if (!done) return done.error();
    return {};
}

Exit run_demo(const Globals& globals, const RunOptions& options, StopOnSignal& signals) {
    ConfigOptions asked = globals.config;
    std::optional<PageFolder> folder;
    if (!options.pages.empty()) {
        auto opened = PageFolder::open(options.pages);
        if (!opened) {
            const bool there = std::filesystem::exists(options.pages);
            return fail(there ? Exit::failed : Exit::not_found, opened.error().what);
        }
        folder = *std::move(opened);
        auto sets = sets_for(*folder);
        asked.sets.insert(asked.sets.begin(), sets.begin(), sets.end());
    }
    auto config = demo_config(asked);
    if (!config) return fail_opening(config.error());
    const auto last = passed_before(*config);
    if (!last) return fail(last.error());
    const auto calendar = calendar_named("XNAS");
    if (!calendar) return fail(calendar.error());
    const double speed = options.speed > 0 ? options.speed : folder ? kSavedSpeed : kUsualSpeed;
    // Two seconds before a slot, by the machine's clock: so it collects at once.
    const Timestamp session = demo_start(*last, SystemClock().now(), *calendar);
    const auto lead = std::chrono::microseconds(std::llround(speed * 2e6));
    Timestamp slot = std::chrono::ceil<std::chrono::minutes>(session + lead);
    while (slot.time_since_epoch() % 5min != 0min) slot += 1min;
    const Timestamp start = slot - lead;

    const bool live = on_terminal() && !options.plain && !globals.json;
    const bool saved = folder.has_value();
    auto demo = serve(start, speed, *calendar, std::move(folder));
    if (!demo) return fail(demo.error());
    Assembly::Options opening;
    opening.clock = std::make_unique<ScaledClock>(start, speed);
    opening.change_sources = [&](Sources& sources) {
        serve_by_demo(sources, demo->server->port(), saved);
    };
    opening.lift_age_checks = saved;
    opening.take_over = true;
    LiveScreen screen;
    opening.quiet = globals.quiet;
    if (live) opening.log_least = Severity::warn;
    if (live) opening.log_sink = screen.sink();
    auto assembly = Assembly::open(*std::move(config), std::move(opening));
    if (!assembly) return fail(assembly.error());
    Store& store = (*assembly)->store();
    auto lease = store.acquire_lease(process_name());
    if (!lease) return fail(lease.error());
    // Somebody may have written since the first look.
    const auto passed = demo_time_passed(**assembly);
    if (!passed) return fail(passed.error());
    if (*passed > *last) {
        return fail(Exit::busy, "another demo has recorded here meanwhile; start it again");
    }
    if (auto kept = keep_demo_time(store, (*assembly)->clock().now()); !kept) {
        return fail(kept.error());
    }
    RunOptions of_run = options;
    of_run.stood_still = *last;  // while the demo was off, its time stood still
    of_run.changed = [&] {
        const auto kept = keep_demo_time(store, (*assembly)->clock().now());
        if (!kept) fail(kept.error());
    };
    const std::string title = fmt::format(
        "tapedeck {} DEMO: {} prices served on this machine, {} x time, into {}", TAPEDECK_VERSION,
        saved ? "saved" : "simulated", speed, to_string((*assembly)->settings().store.url));
    if (!live && !globals.quiet) fail(Exit::fine, title);
    const Exit exit =
        record(**assembly, *std::move(lease), of_run, signals, title, live ? &screen : nullptr);
    of_run.changed();
    return exit;
}

}  // namespace tapedeck
