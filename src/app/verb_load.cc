#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>

#include "app/assembly.h"
#include "app/former_tapes.h"
#include "app/load_globals.h"
#include "app/output.h"
#include "app/pipe_status.h"
#include "app/settle_beside.h"
#include "app/signals.h"
#include "app/start_choices.h"
#include "app/verbs.h"
#include "base/json_writer.h"

namespace tapedeck {

namespace {

// A loader's memory is blocks of some 100 kB to 2 MB that live for one batch. Left to itself, the
// allocator soon keeps such blocks for good, and an arena of its own for each thread.
void keep_memory_small() {
    constexpr int kOwnMapping = 256 * 1024;  // bytes, from which on a block is given back at once
    mallopt(M_MMAP_THRESHOLD, kOwnMapping);
    mallopt(M_TRIM_THRESHOLD, 4 * kOwnMapping);
    mallopt(M_ARENA_MAX, 2);
}

// How many messages the tape holds that are not loaded; 0 where it cannot be told.
std::int64_t waiting_messages(Assembly& assembly) {
    const auto pipe = pipe_status(assembly, assembly.clock().now());
    std::int64_t waiting = 0;
    if (!pipe) return waiting;
    for (const PartitionStatus& one : pipe->partitions) waiting += one.lag().value_or(0);
    return waiting;
}

std::string json_of_summary(const LoadSummary& summary) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.key("messages").number(summary.messages).key("rows").number(summary.rows);
    json.key("absorbed").number(summary.absorbed);
    json.key("duplicates").number(summary.duplicates);
    json.key("dead_letters").number(summary.dead_letters);
    json.key("outcomes").number(summary.outcomes).key("batches").number(summary.batches);
    json.key("gaps").number(summary.gaps).key("refused").number(summary.refused);
    json.key("fenced").number(summary.fenced);
    json.key("taken_back").number(summary.taken_back).end_object();
    return out + "\n";
}

Result<LoadSummary> load(Assembly& assembly, const LoaderOptions& loading, std::stop_token stop,
                         bool until_end, bool with_progress) {
    Progress progress("loading");
    const bool is_shown = with_progress && progress.is_shown();
    const std::int64_t waiting = is_shown ? waiting_messages(assembly) : 0;
    std::int64_t loaded = 0;  // told of by one commit at a time
    Loader loader(assembly.tape(), assembly.store(), assembly.clock(), assembly.log(), loading,
                  [&](const Batch& batch, const Committed&) {
                      for (const Batch::Advance& advance : batch.advances) {
                          loaded += advance.to.value() - advance.from.value();
                      }
                      if (is_shown) progress.show(std::min(loaded, waiting), waiting);
                  });
    return loader.run(stop, until_end);
}

void show_summary(const LoadSummary& summary) {
    print(fmt::format("{} rows of {} messages in {} batches; {} dead letters, {} duplicates\n",
                      summary.rows, summary.messages, summary.batches, summary.dead_letters,
                      summary.duplicates));
    if (summary.dead_letters > 0) print("`tapedeck dead-letters list` shows them, and why\n");
    if (summary.taken_back > 0) {
        print(
            fmt::format("the database lost commits: the ledger went back by {} messages, "
                        "which are loaded, and counted, again\n",
                        summary.taken_back));
    }
    if (summary.gaps > 0) {
        print(
            fmt::format("{} messages were gone from the tape before they were loaded: "
                        "`tapedeck gaps` shows the prices that this cost\n",
                        summary.gaps));
    }
}

}  // namespace

Exit verb_load(const Globals& globals, const LoadVerbOptions& options) {
    keep_memory_small();
    StopOnSignal signals;
    auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    const auto starts = start_choices(options.starts, config->settings);
    if (!starts) return fail(Exit::usage, starts.error().what);
    Assembly::Options opening;
    opening.captures = false;
    opening.must_exist = true;
    opening.take_over = true;
    opening.tape = TapeUse::load;
    opening.patient = !options.until_end;
    opening.quiet = globals.quiet;
    auto opened = open_patiently(*config, opening, signals.token(), !options.until_end);
    if (!opened) {
        return retryable(opened.error().kind) ? fail_unless_stopped(opened.error(), signals)
                                              : fail_opening(opened.error());
    }
    Assembly& assembly = **opened;
    const bool wait = !options.until_end;
    // An embedded tape has one loader; of Kafka's partitions each loader has its share.
    std::unique_ptr<Lease> lease;
    if (assembly.kafka() == nullptr) {
        auto asked = patiently(signals.token(), wait,
                               [&] { return assembly.store().acquire_lease(process_name()); });
        if (!asked) return fail_unless_stopped(asked.error(), signals);
        lease = *std::move(asked);
    }
    auto made = patiently(signals.token(), wait, [&] { return assembly.loading(); });
    if (!made) return fail_unless_stopped(made.error(), signals);
    LoaderOptions loading = *std::move(made);
    loading.starts = *starts;
    if (options.until_end) loading.give_up_after = 5;
    const Timestamp began = assembly.clock().now();
    auto begun = patiently(signals.token(), wait, [&] { return begin_loading(assembly, loading); });
    if (!begun) return fail_unless_stopped(begun.error(), signals);
    loading.starts = *std::move(begun);
    auto former = patiently(signals.token(), wait, [&] {
        return load_former_tapes(assembly, signals.token(), loading.give_up_after);
    });
    if (!former) return fail_unless_stopped(former.error(), signals);
    auto summary = load(assembly, loading, signals.token(), options.until_end,
                        options.until_end && !globals.quiet);
    if (!summary) {
        const Exit exit = fail_unless_stopped(summary.error(), signals);
        assembly.rescue(began);
        return exit;
    }
    if (auto settled = settle_beside(assembly, lease != nullptr); !settled) {
        return fail_unless_stopped(settled.error(), signals);
    }
    if (globals.json) {
        print(json_of_summary(*summary));
    } else {
        show_summary(*summary);
    }
    if (summary->refused > 0) return Exit::failed;
    return summary->gaps > 0 ? Exit::found : Exit::fine;
}

}  // namespace tapedeck
