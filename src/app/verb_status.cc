#include <fmt/format.h>

#include <filesystem>

#include "app/disk_room.h"
#include "app/load_globals.h"
#include "app/pipe_status.h"
#include "app/spans.h"
#include "app/spark_status.h"
#include "app/verbs.h"
#include "captures/sqlite/capture_file.h"
#include "demo/demo_sources.h"
#include "views/status.h"

namespace tapedeck {
namespace {

// What this machine knows of it: captures, files and disks.
Result<> look_at_machine(Assembly& assembly, Status& status) {
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
    return {};
}

Result<Status> ask_status(Reader& reader) {
    Assembly& assembly = *reader.assembly;
    auto status = read_status({assembly.store(), reader.coverage(), reader.feeds, assembly.feeds(),
                               reader.expectations, reader.now, [&](const std::string& source) {
                                   return reader.simulated ? demo_source_name(source) : "";
                               }});
    if (!status) return status;
    status->simulated = reader.simulated;
    status->store = to_string(assembly.settings().store.url);
    status->config = assembly.config().digest;
    auto pipe = pipe_status(assembly, reader.now);
    if (!pipe) return pipe.error();
    status->pipe = *std::move(pipe);
    status->spark = spark_status(assembly.settings(), assembly.clock());
    if (auto done = look_at_machine(assembly, *status); !done) return done.error();
    return status;
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

void show_status(const Status& status) {
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
    if (status.spark) show_spark(*status.spark, status.now);
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
    const auto status = ask_status(*reader);
    if (!status) return fail(status.error());
    if (globals.json) {
        print(json_of(*status));
    } else {
        show_status(*status);
    }
    return options.fail && is_wrong(*status) ? Exit::found : Exit::fine;
}

}  // namespace tapedeck
