#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <span>
#include <thread>

#include "alerts/problem_command.h"
#include "app/assembly.h"
#include "app/collect_on_lambda.h"
#include "app/curl_options.h"
#include "app/demo.h"
#include "app/former_tapes.h"
#include "app/live_table.h"
#include "app/load_globals.h"
#include "app/run.h"
#include "app/start_choices.h"
#include "app/verbs.h"
#include "events/recording.h"
#include "net/url.h"
#include "run/held_back.h"
#include "run/retention.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kNoSite =
    "no site can be reached from here: `./run demo` records simulated prices. Until a site "
    "answers, "
    "prices are in the ledger as failed.";

// By feed; where several DAGs collect one, the densest says how many slots a time is.
std::map<std::string, ProblemLimits> problem_limits(const Settings& settings,
                                                    std::span<const Expectation> expectations,
                                                    Timestamp now) {
    std::map<std::string, ProblemLimits> limits;
    for (const auto& [name, feed] : settings.feeds) {
        ProblemLimits& one = limits[name];
        one.frozen_slots = feed.frozen_after;
        if (!feed.stale_after) continue;
        int slots = 1;
        for (const Expectation& expected : expectations) {
            if (expected.feed != name || expected.to <= now) continue;
            slots = std::max(slots, slots_within(*expected.schedule, *feed.stale_after, now));
        }
        one.stale_slots = slots;
    }
    return limits;
}

// Whether any site of the feeds' first sources answers at all: one question to each host.
// True where it was stopped before it knew.
bool any_site_answers(const Assembly& assembly, const Clock& clock, std::stop_token stop) {
    auto client = CurlClient::open(clock, curl_options(assembly.settings()));
    if (!client) return true;
    std::uint64_t asked = 0;
    for (const auto& [name, feed] : assembly.feeds()) {
        if (feed.sources.empty() || feed.instruments.empty()) continue;
        const Source& source = *feed.sources.front();
        Request request;
        request.url = fmt::format("{}://{}/", source.url.starts_with("http:") ? "http" : "https",
                                  host_of(source.url));
        request.proxy = source.proxy;
        request.timeout = request.connect_timeout = 5s;
        request.max_bytes = 64 * 1024;
        (*client)->start(RequestId(++asked), std::move(request));
    }
    bool any = asked == 0;
    while ((*client)->under_way() > 0) {
        if (stop.stop_requested()) return true;
        for (const Answer& answer : (*client)->wait(10s, stop)) {
            const bool silent = answer.failure && (answer.failure->reason == Reason::unreachable ||
                                                   answer.failure->reason == Reason::refused ||
                                                   answer.failure->reason == Reason::timeout);
            if (!silent) any = true;
        }
    }
    return any;
}

void prune_captures(Assembly& assembly) {
    if (assembly.captures() == nullptr) return;
    const CaptureSettings& settings = assembly.settings().captures;
    auto pruned = assembly.captures()->prune(settings.retention, settings.budget.value());
    if (!pruned) assembly.log().emit(StepFailed{"pruning captures", pruned.error().what});
}

void prune_tape(Assembly& assembly, Store& store) {
    const auto retention = assembly.settings().tape.retention;
    if (retention.count() == 0 || assembly.kafka() != nullptr) return;
    auto done = discard_loaded(assembly.tape(), store, assembly.clock().now() - retention);
    if (!done) assembly.log().emit(StepFailed{"pruning the tape", done.error().what});
}

// The version of the machine's time zones: they differ from host to host, and slots follow them.
std::string zone_data_version() {
    const auto text = read_text_file("/usr/share/zoneinfo/tzdata.zi");
    constexpr std::string_view kMark = "# version ";
    if (!text || !text->starts_with(kMark)) return "unknown";
    return text->substr(kMark.size(), text->find('\n') - kMark.size());
}

// Slots from `since` on that have ended, of all feeds together.
int slots_ended(Store& store, Timestamp since) {
    int count = 0;
    auto done = store.query({"select count(*) from (select slot from coverage where slot >= $1 "
                             "group by slot having sum(case when state = 'pending' then 1 else 0 "
                             "end) = 0) as ended",
                             {since},
                             {}},
                            [&](const RowView& row) -> Result<> {
                                count = static_cast<int>(row.integer(0));
                                return {};
                            });
    return done ? count : 0;
}

// Whatever comes or does not come of the schedule meanwhile.
std::jthread stop_at(std::optional<Timestamp> moment, Clock& clock, StopOnSignal& signals) {
    if (!moment) return {};
    return std::jthread([at = *moment, &clock, &signals](std::stop_token stop) {
        while (clock.now() < at && !stop.stop_requested()) clock.sleep_until(at, stop);
        if (!stop.stop_requested()) signals.stop();
    });
}

bool is_server(const Settings& settings) {
    return !std::holds_alternative<SqliteUrl>(settings.store.url.target);
}

// What the store is asked before the recorder begins.
struct Prepared {
    std::string deployment;
    std::vector<Expectation> expectations;
    std::map<std::string, Feed> feeds;
    LoaderOptions loading;
};

Result<Prepared> prepare(Assembly& assembly, const std::optional<Timestamp>& stood_still,
                         const StartChoices& starts) {
    auto deployment = assembly.deployment();
    if (!deployment) return deployment.error();
    auto loading = assembly.loading();
    if (!loading) return loading.error();
    loading->starts = starts;
    // Before anything is expected or asked: a person may have to say where loading begins.
    auto begun = begin_loading(assembly, *loading);
    if (!begun) return begun.error();
    loading->starts = *std::move(begun);
    if (auto noted = assembly.begin_schedule(stood_still); !noted) return noted.error();
    auto expectations = assembly.expectations();
    if (!expectations) return expectations.error();
    auto feeds = assembly.feeds_ever();
    if (!feeds) return feeds.error();
    return Prepared{*std::move(deployment), *std::move(expectations), *std::move(feeds),
                    *std::move(loading)};
}

}  // namespace

Exit record(Assembly& assembly, std::unique_ptr<Lease> lease, const RunOptions& options,
            StopOnSignal& signals, const std::string& title, LiveScreen* screen) {
    TAPEDECK_ASSERT(lease != nullptr);
    const auto starts = start_choices(options.starts, assembly.settings());
    if (!starts) return fail(Exit::usage, starts.error().what);
    auto prepared = patiently(signals.token(), is_server(assembly.settings()),
                              [&] { return prepare(assembly, options.stood_still, *starts); });
    if (!prepared) return fail_unless_stopped(prepared.error(), signals);
    auto limits =
        problem_limits(assembly.settings(), prepared->expectations, assembly.clock().now());
    RecorderOrders orders{assembly.dags(),
                          std::move(prepared->feeds),
                          std::move(prepared->expectations),
                          std::move(prepared->loading),
                          std::move(limits),
                          assembly.config().digest,
                          std::move(prepared->deployment),
                          assembly.settings().run.loads != WhoLoads::here};
    auto journal = StatementJournal::open(journal_path(assembly.settings()), assembly.clock());
    if (!journal) return fail(journal.error());
    const auto show = [&] {
        if (screen == nullptr) return;
        auto text = live_table(assembly, assembly.feeds(), title);
        if (text) screen->show(*std::move(text));
    };
    ProblemCommand alert(assembly.settings().alert.on_problem, assembly.log(),
                         assembly.settings().alert.environment);
    const Timestamp began = assembly.clock().now();
    PatientStore store(assembly.store(), {.stop = signals.token()});
    Recorder::Parts parts{
        assembly.clock(),
        assembly.store(),
        assembly.tape(),
        assembly.captures(),
        assembly.secrets(),
        assembly.log(),
        [&]() -> Result<std::unique_ptr<HttpClient>> {
            auto client = CurlClient::open(assembly.clock(), curl_options(assembly.settings()));
            if (!client) return client.error();
            return std::unique_ptr<HttpClient>(*std::move(client));
        },
        [&](bool recovered, const Problem& problem) { return alert.tell(recovered, problem); },
        [&] {
            show();
            if (options.changed) options.changed();
            if (options.slots && slots_ended(store, began) >= *options.slots) {
                signals.stop();
            }
        },
        [&] {
            prune_captures(assembly);
            prune_tape(assembly, store);
        },
        process_name(),
        **journal,
        {}};
    parts.before_loading = [&](std::stop_token stop) {
        return load_former_tapes(assembly, std::move(stop), 0);
    };
    parts.elsewhere = [&](const Feed& feed, const CollectJob& job, std::stop_token stop) {
        return collect_on_lambda(assembly.settings(), assembly.clock(), feed, job, stop);
    };
    parts.check_files = [&] { return assembly.check_files(); };
    if (SpoolTape* spool = assembly.spool(); spool != nullptr) {
        parts.waiting = [spool, path = spool_path(assembly.settings())] {
            return held_by_spool(path, spool->sizes());
        };
    }
    std::int64_t instruments = 0;
    for (const auto& [name, feed] : assembly.feeds()) {
        instruments += static_cast<std::int64_t>(feed.instruments.size());
    }
    const std::string store_url = to_string(assembly.settings().store.url);
    const std::string tape = to_string(assembly.settings().tape.url);
    const std::string zones = zone_data_version();
    assembly.log().emit(RecorderStarted{TAPEDECK_VERSION, store_url, tape, assembly.config().digest,
                                        static_cast<std::int64_t>(assembly.feeds().size()),
                                        instruments, zones});
    show();
    Recorder recorder(std::move(parts), std::move(orders));
    const std::jthread until = stop_at(options.until, assembly.clock(), signals);
    auto done = recorder.run(signals.token());
    for (const auto& [key, count] : assembly.log().counters().read()) {
        assembly.log().emit(RecorderCounted{key, count});
    }
    assembly.log().emit(RecorderStopped{done ? "asked to stop" : done.error().what});
    show();
    if (done) return Exit::fine;
    const Exit exit = fail(done.error());
    assembly.rescue(began);
    return exit;
}

Exit verb_run(const Globals& globals, const RunOptions& options) {
    StopOnSignal signals;  // before any thread
    if (options.demo) return run_demo(globals, options, signals);
    auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    const bool live = on_terminal() && !options.plain && !globals.json;
    if (!live && !globals.quiet) {
        for (const std::string& note : config->notes) fail(Exit::fine, "note: " + note);
    }
    LiveScreen screen;
    Assembly::Options opening;
    opening.quiet = globals.quiet;
    if (live) opening.log_least = Severity::warn;
    if (live) opening.log_sink = screen.sink();
    opening.take_over = true;
    opening.patient = true;
    // A server may be about to start; a file that is not there will not come by waiting.
    const bool wait = is_server(config->settings);
    auto assembly = open_patiently(*config, opening, signals.token(), wait);
    if (!assembly) return fail_unless_stopped(assembly.error(), signals);
    auto lease = patiently(signals.token(), wait,
                           [&] { return (*assembly)->store().acquire_lease(process_name()); });
    if (!lease) return fail_unless_stopped(lease.error(), signals);
    auto real = patiently(signals.token(), wait, [&] { return refuse_demo_store(**assembly); });
    if (!real) return fail_unless_stopped(real.error(), signals);
    const SystemClock clock;
    std::jthread probe([&](std::stop_token stop) {
        if (any_site_answers(**assembly, clock, stop) || globals.quiet) return;
        if (live) {
            screen.notice(kNoSite);
        } else {
            fail(Exit::fine, kNoSite);
        }
    });
    return record(**assembly, *std::move(lease), options, signals,
                  "tapedeck " TAPEDECK_VERSION " records into " +
                      to_string((*assembly)->settings().store.url),
                  live ? &screen : nullptr);
}

}  // namespace tapedeck
