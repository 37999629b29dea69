#include "market/own_tables.h"

#include <algorithm>
#include <array>

namespace tapedeck {
namespace {

// In the order of the alphabet; tests/config holds it against what the engines make.
constexpr auto kOwnTables = std::to_array<std::string_view>({"attempts",
                                                             "attempts_by",
                                                             "batches",
                                                             "batches_at",
                                                             "capture_uses",
                                                             "captures",
                                                             "captures_by_age",
                                                             "config_history",
                                                             "connections",
                                                             "coverage",
                                                             "coverage_gaps",
                                                             "coverage_pending",
                                                             "dag_runs",
                                                             "dag_runs_of",
                                                             "dag_runs_scheduled",
                                                             "dag_states",
                                                             "dead_letter_ends",
                                                             "dead_letter_tries",
                                                             "dead_letter_tries_of",
                                                             "dead_letters",
                                                             "dead_letters_at",
                                                             "deployments",
                                                             "duplicates",
                                                             "duplicates_of",
                                                             "leases",
                                                             "left_out",
                                                             "letters_kept",
                                                             "loaded_topics",
                                                             "loading_starts",
                                                             "messages",
                                                             "offsets",
                                                             "outcomes",
                                                             "outcomes_at",
                                                             "outcomes_of",
                                                             "problems",
                                                             "quarantine",
                                                             "replacements",
                                                             "runs",
                                                             "schema_version",
                                                             "stalls",
                                                             "tape",
                                                             "tape_gaps",
                                                             "tape_gaps_at",
                                                             "tape_identity",
                                                             "tape_messages",
                                                             "tape_partitions",
                                                             "tapes",
                                                             "task_tries",
                                                             "topics",
                                                             "variables"});
static_assert(std::ranges::is_sorted(kOwnTables));

}  // namespace

bool is_own_table(std::string_view name) { return std::ranges::binary_search(kOwnTables, name); }

}  // namespace tapedeck
