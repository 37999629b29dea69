#include "app/assembly.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "app/config_history.h"
#include "app/former_tapes.h"
#include "app/learn_secrets.h"
#include "app/output.h"
#include "app/settings_layers.h"
#include "captures/sqlite/sqlite_captures.h"
#include "events/recording.h"
#include "store/deployment.h"
#include "store/tape_label.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

LogFormat format_of(LogSettings::Format format) {
    switch (format) {
        case LogSettings::Format::text:
            return LogFormat::text;
        case LogSettings::Format::json:
            return LogFormat::json;
        case LogSettings::Format::automatic:
            return ::isatty(STDERR_FILENO) == 1 ? LogFormat::text : LogFormat::json;
    }
    TAPEDECK_ASSERT(false);
}

Severity least_severity(const LoadedConfig& config, const Assembly::Options& options) {
    if (options.quiet) return Severity::error;
    const Severity configured = config.settings.log.level;
    const bool is_set = config.origins.contains("log.level");
    return is_set ? configured : options.log_least.value_or(configured);
}

}  // namespace

Result<std::string> Assembly::deployment() {
    if (!store_) return settings().tape.deployment;
    return recording_deployment(*store_);
}

Result<std::string> Assembly::group() {
    const std::string& configured = settings().load.group;
    if (!configured.empty()) return configured;
    const auto id = deployment_id(*store_);
    if (!id) return id.error();
    return id->empty() ? std::string("tapedeck") : "tapedeck-" + *id;
}

Result<LoaderOptions> Assembly::loading() {
    LoaderOptions options = loader_options(settings());
    auto own = group();
    if (!own) return own.error();
    options.group = *std::move(own);
    return options;
}

std::shared_ptr<WriteGate> Assembly::gate_of(const std::string& path) const {
    const auto* file = std::get_if<SqliteUrl>(&settings().store.url.target);
    std::error_code failed;
    const bool is_ours = sqlite_ != nullptr && file != nullptr &&
                         std::filesystem::equivalent(file->path, path, failed) && !failed;
    return is_ours ? sqlite_->gate() : nullptr;
}

LoaderOptions loader_options(const Settings& settings) {
    LoaderOptions options;
    for (const auto& [name, feed] : settings.feeds) {
        const auto same = std::ranges::find(options.topics, feed.topic, &LoadedTopic::topic);
        if (same != options.topics.end()) continue;
        options.topics.push_back({feed.topic, PriceTable{feed.table, feed.form}});
    }
    options.place = place_of_tape(settings);
    options.batch.rows = static_cast<std::size_t>(settings.load.batch_rows);
    options.topics.push_back({std::string(kOutcomesTopic), std::nullopt});
    options.batch.bytes = static_cast<std::size_t>(settings.load.batch_bytes.value());
    return options;
}

Result<std::unique_ptr<Assembly>> Assembly::open(LoadedConfig config, Options options) {
    if (!options.clock) options.clock = std::make_unique<SystemClock>();
    const LogFormat format = options.log_format.value_or(format_of(config.settings.log.format));
    const Severity least = least_severity(config, options);
    std::unique_ptr<Assembly> assembly(new Assembly(std::move(config), std::move(options.clock),
                                                    format, least, std::move(options.log_sink)));
    auto sources = make_sources(assembly->settings());
    if (!sources) return sources.error();
    assembly->made_ = *std::move(sources);
    if (options.change_sources) options.change_sources(assembly->made_.sources);
    std::vector<Error> faults;
    assembly->feeds_ = make_feeds(assembly->settings(), assembly->made_, faults);
    if (options.tape == TapeUse::append && !faults.empty()) return faults.front();
    for (auto& [name, feed] : assembly->feeds_) feed.lift_age_checks = options.lift_age_checks;
    assembly->dags_ = make_dags(assembly->settings());
    for (const DagSpec& dag : assembly->dags_) {
        if (auto valid = validate(dag); !valid) return in_context(dag.name, valid.error());
    }
    if (auto done = assembly->open_parts(options); !done) return done.error();
    if (auto done = assembly->prepare(options); !done) return done.error();
    if (auto done = assembly->open_captures(options); !done) return done.error();
    return assembly;
}

Result<> Assembly::open_captures(const Options& options) {
    if (!options.captures || !settings().captures.enabled) return {};
    const std::string path = captures_path(settings());
    if (options.only_look && !std::filesystem::exists(path)) return {};  // nothing was kept yet
    if (!options.only_look) {
        captures_ = SqliteCaptures::open_for_recording(path, *clock_, [this](const Error& error) {
            log_.emit(StepFailed{"captures", error.what});
        });
        return {};
    }
    auto captures = SqliteCaptures::open_looking(path, *clock_, look_beside(*store_));
    if (!captures && captures.error().kind == ErrorKind::corrupt) {
        captures_fault_ = captures.error().what;
        return {};
    }
    if (!captures) return captures.error();
    captures_ = *std::move(captures);
    return {};
}

Result<OpenedStore> Assembly::open_own_store(const Options& options) {
    if (!options.store && is_kafka(settings())) return OpenedStore{};
    const StoreUse use = options.only_look    ? StoreUse::look
                         : options.must_exist ? StoreUse::write
                                              : StoreUse::make;
    const PostgresTables tables = options.only_look    ? PostgresTables::look
                                  : options.take_over  ? PostgresTables::take_over
                                  : options.must_exist ? PostgresTables::leave
                                                       : PostgresTables::make;
    auto opened = open_store(settings(), *clock_, use, tables, options.stop);
    if (opened && opened->sqlite != nullptr && opened->sqlite->is_unchanging()) {
        fail(Exit::fine,
             fmt::format("{}: read as a copy that nobody changes, as nothing can be made beside "
                         "it here",
                         to_string(settings().store.url)));
    }
    return opened;
}

// Said once by whoever meets a server's tables that somebody is yet to take over.
void Assembly::note_pending(const OpenedStore& opened, bool quiet) {
    if (quiet || opened.postgres == nullptr || pending_in(opened).empty()) return;
    fail(Exit::fine,
         fmt::format("{}: tables are read as an older program, or the original, has left them; "
                     "`tapedeck check` says what `run`, `load` or `check --migrate` does to them",
                     to_string(settings().store.url)));
}

Result<> Assembly::open_parts(const Options& options) {
    auto store = open_own_store(options);
    if (!store) return store.error();
    OpenedStore opened = *std::move(store);
    auto tape = open_tape(settings(), *clock_, log_, options.tape, opened, options.only_look);
    store_ = std::move(opened.store);
    sqlite_ = opened.sqlite;
    postgres_ = opened.postgres;
    // Before the tape: whoever makes a server's tables once need not record on this machine.
    if (auto done = make_tables(); !done) return done;
    note_pending(opened, options.quiet);
    if (!tape) return tape.error();
    tape_ = *std::move(tape);
    return {};
}

Result<> Assembly::make_tables() {
    if (!store_) return {};
    for (const auto& [name, feed] : feeds_) {
        if (auto done = store_->ensure_table(feed.table); !done) return done;
    }
    return {};
}

Result<> Assembly::prepare(const Options& options) {
    const bool topics = !options.only_look && options.tape != TapeUse::look;
    const int partitions = is_kafka(settings()) ? settings().tape.partitions : 1;
    std::vector<std::pair<std::string, int>> wanted{{std::string(kOutcomesTopic), 1}};
    for (const auto& [name, feed] : feeds_) {
        wanted.emplace_back(feed.topic, partitions);
    }
    for (const auto& [topic, count] : wanted) {
        if (!topics) break;
        auto made = make_topic(topic, count);
        if (made) continue;
        if (!options.patient || !retryable(made.error().kind)) return made;
        break;
    }
    return topics && tape_.sqlite != nullptr && store_ ? note_first_tape() : Result<>();
}

// What is appended to a file is this tape's before anybody has loaded it.
Result<> Assembly::note_first_tape() {
    const auto known = known_tapes(*store_);
    if (!known) return known.error();
    if (!known->empty()) return {};
    const auto identity = tape().identity();
    if (!identity) return identity.error();
    auto label = adopt_tape(*store_, *identity, place_of_tape(settings()), clock_->now());
    if (!label) return label.error();
    return {};
}

// A topic that exists keeps its own number of partitions.
Result<> Assembly::make_topic(const std::string& topic, int partitions) {
    if (is_kafka(settings()) && tape().partitions(topic)) return {};
    return tape().ensure_topic(topic, partitions);
}

Result<> Assembly::begin_schedule(std::optional<Timestamp> stood_still) {
    return tapedeck::begin_schedule(
        *store_, settings(), {clock_->now(), config_.digest, config_.effective}, stood_still);
}

Result<std::vector<Expectation>> Assembly::expectations() {
    const auto history = config_history(*store_);
    if (!history) return history.error();
    const auto seen = first_seen_dags(*store_);
    if (!seen) return seen.error();
    auto scheduled = expectations_in(*history, *seen);
    if (!scheduled) return scheduled.error();
    const auto feeds = feeds_ever();
    if (!feeds) return feeds.error();
    return with_tried(*store_, *feeds, *std::move(scheduled));
}

Result<std::map<std::string, Feed>> Assembly::feeds_ever() {
    std::map<std::string, Feed> feeds = feeds_;
    auto done = store_->query({"select distinct text from config_history where text <> ''", {}, {}},
                              [&](const RowView& row) -> Result<> {
                                  auto settings = parse_effective(row.text(0));
                                  if (!settings) return settings.error();
                                  for (const auto& [name, feed] : settings->feeds) {
                                      feeds.try_emplace(name, feed_of(feed));
                                  }
                                  return {};
                              });
    if (!done) return done.error();
    return feeds;
}

Result<std::unique_ptr<Assembly>> open_patiently(const LoadedConfig& config,
                                                 const Assembly::Options& options,
                                                 std::stop_token stop, bool wait) {
    return patiently(stop, wait, [&] {
        Assembly::Options opening;
        opening.must_exist = options.must_exist;
        opening.only_look = options.only_look;
        opening.take_over = options.take_over;
        opening.captures = options.captures;
        opening.tape = options.tape;
        opening.store = options.store;
        opening.patient = options.patient;
        opening.log_format = options.log_format;
        opening.log_least = options.log_least;
        opening.log_sink = options.log_sink;
        opening.quiet = options.quiet;
        opening.stop = stop;
        return Assembly::open(config, std::move(opening));
    });
}

bool Waiter::rest(const Error& error) {
    if (!retryable(error.kind) || stop_.stop_requested()) return false;
    if (!told_) fail(Exit::fine, "waiting: " + error.what);
    told_ = true;
    SystemClock clock;
    clock.sleep_until(clock.now() + 2s, stop_);
    return !stop_.stop_requested();
}

}  // namespace tapedeck
