#include <fmt/format.h>

#include "app/assembly.h"
#include "app/load_globals.h"
#include "app/signals.h"
#include "app/verbs.h"
#include "base/json_writer.h"

namespace tapedeck {

Exit verb_load(const Globals& globals, const LoadVerbOptions& options) {
    StopOnSignal signals;
    auto config = load_globals(globals);
    if (!config) return fail(Exit::failed, config.error().what);
    Assembly::Options opening;
    opening.captures = false;
    opening.must_exist = true;
    if (globals.quiet) opening.log_least = Severity::error;
    auto opened = Assembly::open(*std::move(config), std::move(opening));
    if (!opened) return fail(opened.error());
    Assembly& assembly = **opened;
    auto lease = assembly.store().acquire_lease(process_name());
    if (!lease) return fail(lease.error());
    LoaderOptions loading = loader_options(assembly.settings());
    if (options.until_end) loading.give_up_after = 5;
    Loader loader(assembly.tape(), assembly.store(), assembly.clock(), assembly.log(), loading);
    auto summary = loader.run(signals.token(), options.until_end);
    if (!summary) return fail(summary.error());
    auto expectations = assembly.expectations();
    if (!expectations) return fail(expectations.error());
    auto feeds = assembly.feeds_ever();
    if (!feeds) return fail(feeds.error());
    CoverageLedger coverage(assembly.store(), assembly.tape(), *feeds);
    if (auto settled = coverage.settle(*expectations, assembly.clock().now()); !settled) {
        return fail(settled.error());
    }
    if (globals.json) {
        std::string out;
        JsonWriter json(out);
        json.begin_object();
        json.key("messages").number(summary->messages).key("rows").number(summary->rows);
        json.key("absorbed").number(summary->absorbed);
        json.key("duplicates").number(summary->duplicates);
        json.key("dead_letters").number(summary->dead_letters);
        json.key("outcomes").number(summary->outcomes).key("batches").number(summary->batches);
        json.key("gaps").number(summary->gaps).key("refused").number(summary->refused);
        json.end_object();
        print(out + "\n");
    } else {
        print(fmt::format("{} rows of {} messages in {} batches; {} dead letters, {} duplicates\n",
                          summary->rows, summary->messages, summary->batches, summary->dead_letters,
                          summary->duplicates));
    }
    if (summary->refused > 0) return Exit::failed;
    return summary->gaps > 0 ? Exit::found : Exit::fine;
}

}  // namespace tapedeck
