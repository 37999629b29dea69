#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "alerts/load_problems.h"
#include "app/disk_room.h"
#include "app/load_globals.h"
#include "app/pipe_status.h"
#include "app/spans.h"
#include "app/verbs.h"
#include "base/json_writer.h"
#include "captures/sqlite/capture_file.h"
#include "demo/demo_sources.h"
#include "store/deployment.h"
#include "views/last_prices.h"
#include "views/loaded_rows.h"
#include "views/source_health.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

struct FeedStatus {
    std::string name;
    CoverageTotals totals;
    std::vector<LastPrice> prices;
    std::optional<Timestamp> next_slot;
    std::string table;
    std::string topic;
    LoadedRows loaded;
};

struct OpenProblem {
    std::string key;
    std::string what;
    Timestamp since;
};

struct Status {
    Timestamp now;
    bool simulated = false;
    std::string store;
    std::string config;
    std::string deployment;  // its id
    bool running = false;
    std::vector<FeedStatus> feeds;
    std::vector<SourceHealth> sources;
    PipeStatus pipe;
    std::vector<OpenProblem> problems;
    std::int64_t dead_letters = 0;  // that nobody has settled
    std::int64_t letters_retried = 0;
    std::int64_t letters_dropped = 0;
    std::int64_t duplicates = 0;
    std::int64_t gaps = 0;  // messages
    std::optional<CaptureSizes> captures;
    std::string captures_fault;               // why what is kept cannot be read
    std::vector<std::string> captures_aside;  // files that were damaged
    std::int64_t store_bytes = 0;
    std::int64_t free_bytes = 0;
    std::optional<std::string> without_room;  // a file that a recorder must write, on a full disk
};

Result<std::int64_t> count_of(Store& store, const std::string& sql) {
    std::int64_t count = 0;
    auto done = store.query({sql, {}, {}}, [&](const RowView& row) -> Result<> {
        count = row.is_null(0) ? 0 : row.integer(0);
        return {};
    });
    if (!done) return done.error();
    return count;
}

Result<FeedStatus> feed_status(Reader& reader, const std::string& name) {
    FeedStatus status;
    status.name = name;
    const Timestamp day = std::chrono::floor<std::chrono::days>(reader.now);
    auto totals = reader.coverage().totals(name, day);
    if (!totals) return totals.error();
    status.totals = *std::move(totals);
    for (const Expectation& one : reader.expectations) {
        if (one.feed != name || one.to <= reader.now) continue;
        status.next_slot = one.schedule->next_open(reader.now);
    }
    const auto feed = reader.assembly->feeds().find(name);
    if (feed != reader.assembly->feeds().end()) {
        auto prices = last_prices(reader.assembly->store(), feed->second);
        if (!prices) return prices.error();
        status.prices = *std::move(prices);
    }
    return status;
}

Result<> read_sources(Reader& reader, Status& status) {
    std::set<std::string> names;
    for (const auto& [name, feed] : reader.assembly->feeds()) {
        for (const auto& source : feed.sources) names.insert(source->name);
    }
    for (const std::string& name : names) {
        auto health = source_health(reader.assembly->store(), name, reader.now);
        // The demo asks each of them under a name of its own.
        if (health && health->state == SourceHealth::State::unasked && reader.simulated) {
            health = source_health(reader.assembly->store(), demo_source_name(name), reader.now);
        }
        if (!health) return health.error();
        health->source = name;
        status.sources.push_back(*std::move(health));
    }
    return {};
}

Result<> count_letters(Store& store, Status& status) {
    const auto all = count_of(store, "select count(*) from dead_letters");
    if (!all) return all.error();
    for (const auto& [how, count] : {std::pair("retried", &status.letters_retried),
                                     std::pair("dropped", &status.letters_dropped)}) {
        const auto ended = count_of(
            store, fmt::format("select count(*) from dead_letter_ends where how = '{}'", how));
        if (!ended) return ended.error();
        *count = *ended;
    }
    status.dead_letters = *all - status.letters_retried - status.letters_dropped;
    return {};
}

Result<> read_rest(Reader& reader, Status& status) {
    Assembly& assembly = *reader.assembly;
    Store& store = assembly.store();
    auto done =
        store.query({"select key, what, since from problems order by since", {}, {}},
                    [&](const RowView& row) -> Result<> {
                        if (is_of_loading(row.text(0))) return {};
                        status.problems.push_back(
                            {std::string(row.text(0)), std::string(row.text(1)), row.timestamp(2)});
                        return {};
                    });
    if (!done) return done;
    // As they are now, whether or not a recorder has told of them.
    SettledLetters nothing_known;
    auto loading = load_problems(store, reader.feeds, nothing_known);
    if (!loading) return loading.error();
    for (LoadProblem& one : *loading) {
        status.problems.push_back(
            {std::move(one.problem.key), std::move(one.problem.what), one.since});
    }
    if (done = count_letters(store, status); !done) return done;
    const auto twice = count_of(store, "select count(*) from duplicates");
    if (!twice) return twice.error();
    const auto gaps = count_of(store, "select sum(to_offset - from_offset) from tape_gaps");
    if (!gaps) return gaps.error();
    status.duplicates = *twice;
    status.gaps = *gaps;
    if (assembly.captures() != nullptr) {
        const auto sizes = assembly.captures()->sizes();
        if (sizes) {
            status.captures = *sizes;
        } else if (sizes.error().kind == ErrorKind::corrupt) {
            status.captures_fault = sizes.error().what;
        } else {
            return sizes.error();
        }
    }
    if (!assembly.captures_fault().empty()) status.captures_fault = assembly.captures_fault();
    status.captures_aside = files_set_aside(captures_path(assembly.settings()));
    status.free_bytes = free_on_disk_of(captures_path(assembly.settings()));
    status.without_room = file_without_room(assembly.settings());
    if (const auto* sqlite = std::get_if<SqliteUrl>(&assembly.settings().store.url.target)) {
        std::error_code error;
        for (const char* suffix : {"", "-wal"}) {
            const auto size = std::filesystem::file_size(sqlite->path + suffix, error);
            if (!error) status.store_bytes += static_cast<std::int64_t>(size);
        }
    }
    const auto holder = store.lease_holder();
    if (!holder) return holder.error();
    status.running = holder->has_value();
    return {};
}

Result<Status> read_status(Reader& reader) {
    Status status;
    status.now = reader.now;
    status.simulated = reader.simulated;
    status.store = to_string(reader.assembly->settings().store.url);
    status.config = reader.assembly->config().digest;
    auto deployment = deployment_id(reader.assembly->store());
    if (!deployment) return deployment.error();
    status.deployment = *std::move(deployment);
    for (const auto& [name, feed] : reader.feeds) {
        auto one = feed_status(reader, name);
        if (!one) return one.error();
        one->table = feed.table.name;
        one->topic = feed.topic;
        status.feeds.push_back(*std::move(one));
    }
    const auto loaded = loaded_rows(reader.assembly->store(), reader.feeds, reader.now);
    if (!loaded) return loaded.error();
    for (FeedStatus& feed : status.feeds) feed.loaded = loaded->at(feed.name);
    if (auto done = read_sources(reader, status); !done) return done.error();
    auto pipe = pipe_status(*reader.assembly, reader.now);
    if (!pipe) return pipe.error();
    status.pipe = *std::move(pipe);
    if (auto done = read_rest(reader, status); !done) return done.error();
    return status;
}

bool is_wrong(const Status& status) {
    if (status.running && status.without_room) return true;
    if (status.pipe.away || (status.pipe.spool && status.pipe.spool->refused > 0)) return true;
    if (!status.problems.empty() || status.dead_letters > 0 || status.gaps > 0) return true;
    return std::ranges::any_of(status.feeds, [](const FeedStatus& feed) {
        const auto& [all, today] = feed.totals;
        return feed.loaded.others > 0 || today.sum.of(CoverageState::failed) > 0 ||
               today.sum.of(CoverageState::missed) > 0 || all.sum.of(CoverageState::lost) > 0;
    });
}

// One sentence: whether prices come.
std::string is_recording(const Status& status) {
    std::string without;
    for (const FeedStatus& feed : status.feeds) {
        const CoverageTotal& all = feed.totals.all;
        if (!all.last_settled || all.last_price == all.last_settled) continue;
        without += fmt::format("{}{} has no price {}", without.empty() ? "" : ", ", feed.name,
                               all.last_price ? "since the slot " + format_rfc3339(*all.last_price)
                                              : std::string("at all"));
    }
    if (!status.running) {
        // What a collection under another scheduler, or somebody else's messages, have brought.
        std::string beside;
        for (const FeedStatus& feed : status.feeds) {
            if (feed.next_slot || !feed.loaded.last_row) continue;
            beside += fmt::format("{}the last row of {} was loaded {}",
                                  beside.empty() ? "; rows came without one: " : ", ", feed.name,
                                  ago(feed.loaded.last_row, status.now));
        }
        return "not recording: no recorder is running" + beside +
               (without.empty() ? "" : "; " + without);
    }
    // For a demo that can write nothing, time stands still at the last slot that has prices.
    if (status.without_room) {
        return fmt::format("a recorder is running and can write nothing: the disk of {} is full{}",
                           *status.without_room, without.empty() ? "" : "; " + without);
    }
    if (!without.empty()) return "a recorder is running, but " + without;
    const bool any = std::ranges::any_of(status.feeds, [](const FeedStatus& feed) {
        return feed.totals.all.last_price.has_value();
    });
    return any ? "recording: the last slot of every feed has prices"
               : "a recorder is running, and no slot has come yet";
}

void write_time(JsonWriter& json, std::string_view key, const std::optional<Timestamp>& time) {
    json.key(key);
    if (time) {
        json.text(format_rfc3339(*time));
    } else {
        json.null();
    }
}

void write_sum(JsonWriter& json, std::string_view key, const CoverageSum& sum) {
    json.key(key).begin_object().key("expected").number(sum.expected);
    for (const CoverageState state : coverage_states()) {
        json.key(to_string(state)).number(sum.of(state));
    }
    json.end_object();
}

void write_feed(JsonWriter& json, const FeedStatus& feed) {
    json.begin_object().key("feed").text(feed.name);
    write_sum(json, "today", feed.totals.today.sum);
    write_sum(json, "all", feed.totals.all.sum);
    write_time(json, "last_slot", feed.totals.all.last_slot);
    write_time(json, "next_slot", feed.next_slot);
    json.key("loaded").begin_object().key("rows_last_day").number(feed.loaded.rows_last_day);
    write_time(json, "last_row", feed.loaded.last_row);
    write_time(json, "last_message", feed.loaded.last_message);
    json.end_object().key("rows_of_others").begin_object().key("rows").number(feed.loaded.others);
    write_time(json, "from", feed.loaded.others_from);
    write_time(json, "to", feed.loaded.others_to);
    write_time(json, "since", feed.loaded.since);
    json.end_object();
    json.key("prices").begin_array();
    for (const LastPrice& last : feed.prices) {
        json.begin_object().key("instrument").text(last.instrument).key("price");
        if (last.price) {
            json.text(last.price->to_string());
        } else {
            json.null();
        }
        write_time(json, "seen", last.seen);
        json.key("source").text(last.source).end_object();
    }
    json.end_array().end_object();
}

void write_sources(JsonWriter& json, const Status& status) {
    json.key("sources").begin_array();
    for (const SourceHealth& one : status.sources) {
        json.begin_object().key("source").text(one.source).key("state").text(to_string(one.state));
        write_time(json, "last_price", one.last_price);
        write_time(json, "since", one.since);
        json.key("reason").text(one.reason ? row_of(*one.reason).name : "");
        json.key("what").text(one.what).end_object();
    }
    json.end_array();
}

std::string json_of(const Status& status) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("now").text(format_rfc3339(status.now));
    json.key("simulated").boolean(status.simulated);
    json.key("running").boolean(status.running).key("recording").text(is_recording(status));
    json.key("store").text(status.store).key("deployment").text(status.deployment);
    json.key("config").text(status.config).key("feeds").begin_array();
    for (const FeedStatus& feed : status.feeds) write_feed(json, feed);
    json.end_array();
    write_sources(json, status);
    write_pipe(json, status.pipe);
    json.key("problems").begin_array();
    for (const OpenProblem& one : status.problems) {
        json.begin_object().key("key").text(one.key).key("what").text(one.what);
        write_time(json, "since", one.since);
        json.end_object();
    }
    json.end_array().key("dead_letters").number(status.dead_letters);
    json.key("dead_letters_retried").number(status.letters_retried);
    json.key("dead_letters_dropped").number(status.letters_dropped);
    json.key("duplicates").number(status.duplicates).key("tape_gaps").number(status.gaps);
    json.key("store_bytes").number(status.store_bytes);
    json.key("free_bytes").number(status.free_bytes);
    if (status.captures) {
        json.key("captures").begin_object().key("count").number(status.captures->captures);
        json.key("bodies").number(status.captures->bodies);
        json.key("bytes").number(status.captures->bytes);
        json.key("used_bytes").number(status.captures->used_bytes).end_object();
    }
    if (!status.captures_fault.empty()) json.key("captures_fault").text(status.captures_fault);
    if (!status.captures_aside.empty()) {
        json.key("captures_set_aside").begin_array();
        for (const std::string& file : status.captures_aside) json.text(file);
        json.end_array();
    }
    json.end_object();
    out += '\n';
    return out;
}

std::string mebibytes(std::int64_t bytes) {
    return fmt::format("{}.{} MiB", bytes >> 20U, (bytes & 0xFFFFF) * 10 >> 20U);
}

void show_coverage(const Status& status) {
    Table table({{"feed"},
                 {"span"},
                 {"expected", Align::right},
                 {"recorded", Align::right},
                 {"closed", Align::right},
                 {"pending", Align::right},
                 {"failed", Align::right},
                 {"missed", Align::right},
                 {"other", Align::right},
                 {"next slot"}});
    for (const FeedStatus& feed : status.feeds) {
        for (const auto& [span, sum] :
             {std::pair("today", &feed.totals.today.sum), std::pair("all", &feed.totals.all.sum)}) {
            const std::int64_t recorded =
                sum->of(CoverageState::recorded) + sum->of(CoverageState::recovered);
            const std::int64_t other = sum->of(CoverageState::lost) +
                                       sum->of(CoverageState::withdrawn) +
                                       sum->of(CoverageState::quarantined);
            table.add({feed.name, span, std::to_string(sum->expected), std::to_string(recorded),
                       std::to_string(sum->of(CoverageState::closed)),
                       std::to_string(sum->of(CoverageState::pending)),
                       std::to_string(sum->of(CoverageState::failed)),
                       std::to_string(sum->of(CoverageState::missed)), std::to_string(other),
                       feed.next_slot ? format_rfc3339(*feed.next_slot) : "-"});
        }
    }
    table.print();
}

// Whoever asked for them: what no schedule expected is in no other table here.
void show_loaded(const Status& status) {
    Table table({{"feed"},
                 {"loaded from"},
                 {"rows in a day", Align::right},
                 {"last row loaded"},
                 {"last message made"}});
    for (const FeedStatus& feed : status.feeds) {
        table.add({feed.name, feed.topic, std::to_string(feed.loaded.rows_last_day),
                   ago(feed.loaded.last_row, status.now),
                   ago(feed.loaded.last_message, status.now)});
    }
    table.print();
    for (const FeedStatus& feed : status.feeds) {
        const LoadedRows& loaded = feed.loaded;
        if (loaded.others == 0) continue;
        print(fmt::format(
            "ANOTHER PROGRAM writes into {}: {}{} rows since loading began at {}, dated {} to {}; "
            "what it takes from {} stands there twice\n",
            feed.table, loaded.others == LoadedRows::kMostOthers ? "at least " : "", loaded.others,
            format_rfc3339(*loaded.since), format_rfc3339(*loaded.others_from),
            format_rfc3339(*loaded.others_to), feed.topic));
    }
    print("\n");
}

void show_sources(const Status& status) {
    if (status.sources.empty()) return;
    Table table({{"source"}, {"state"}, {"since"}, {"last price"}, {"because of"}});
    for (const SourceHealth& one : status.sources) {
        table.add({one.source, std::string(to_string(one.state)),
                   one.since ? format_rfc3339(*one.since) : "", ago(one.last_price, status.now),
                   one.reason ? fmt::format("{}: {}", row_of(*one.reason).name, one.what) : ""});
    }
    table.print();
    print("\n");
}

void show(const Status& status) {
    print(fmt::format("{}\n{} at {}\n\n", is_recording(status), status.store,
                      format_rfc3339(status.now)));
    if (status.simulated) {
        print("SIMULATED: the demo's prices, and its own clock, not this machine's\n\n");
    }
    show_coverage(status);
    print("\n");
    Table prices({{"feed"}, {"instrument"}, {"last price", Align::right}, {"seen"}, {"source"}});
    for (const FeedStatus& feed : status.feeds) {
        for (const LastPrice& last : feed.prices) {
            prices.stream({feed.name, last.instrument, last.price ? last.price->to_string() : "-",
                           ago(last.seen, status.now), last.source});
        }
    }
    prices.print_rest();
    print("\n");
    show_loaded(status);
    show_sources(status);
    show_pipe(status.pipe, status.now);
    const bool any_settled = status.letters_retried + status.letters_dropped > 0;
    print(fmt::format("\ndead letters {}{}, duplicates {}, messages lost on the tape {}\n",
                      status.dead_letters,
                      any_settled ? fmt::format(" (and {} retried, {} dropped)",
                                                status.letters_retried, status.letters_dropped)
                                  : "",
                      status.duplicates, status.gaps));
    print(fmt::format("store {}, captures {}, free on its disk {}\n",
                      status.store_bytes > 0 ? mebibytes(status.store_bytes) : "in its server",
                      status.captures                 ? mebibytes(status.captures->used_bytes)
                      : status.captures_fault.empty() ? "not kept"
                                                      : "damaged",
                      mebibytes(status.free_bytes)));
    if (!status.captures_fault.empty()) {
        print(fmt::format("captures DAMAGED: {}\n", status.captures_fault));
    }
    for (const std::string& file : status.captures_aside) {
        print(fmt::format("captures that were damaged, kept as they are: {}\n", file));
    }
    for (const OpenProblem& one : status.problems) {
        print(fmt::format("PROBLEM since {}: {}\n", format_rfc3339(one.since), one.what));
    }
}

}  // namespace

Exit verb_status(const Globals& globals, const StatusOptions& options) {
    auto reader = open_reader(globals);
    if (!reader) return fail_opening(reader.error());
    const auto status = read_status(*reader);
    if (!status) return fail(status.error());
    if (globals.json) {
        print(json_of(*status));
    } else {
        show(*status);
    }
    return options.fail && is_wrong(*status) ? Exit::found : Exit::fine;
}

}  // namespace tapedeck
