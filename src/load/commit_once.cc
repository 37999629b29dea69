#include "load/commit_once.h"

#include <algorithm>

#include "base/assert.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenTries = 1s;

// The ledger of each of the batch's partitions, in their order.
Result<std::vector<LedgerEntry>> ledger_of(Store& store, const Batch& batch,
                                           const std::stop_token& stop) {
    std::vector<TopicPartition> partitions;
    for (const Batch::Advance& advance : batch.advances) partitions.push_back(advance.at);
    return store.ledger(partitions, {.stop = stop});
}

// Each ledger stands where the batch has left it, after the batch's own last message.
bool is_as_left(const Batch& batch, const std::vector<LedgerEntry>& ledger) {
    return std::ranges::equal(
        ledger, batch.advances, [](const LedgerEntry& entry, const Batch::Advance& advance) {
            return entry.next == advance.to &&
                   (!advance.last_digest || entry.last_digest == advance.last_digest);
        });
}

// The first ledger that is not where the batch begins.
Offset elsewhere(const Batch& batch, const std::vector<LedgerEntry>& ledger) {
    const auto other = std::ranges::mismatch(
        ledger, batch.advances, [](const LedgerEntry& entry, const Batch::Advance& advance) {
            return entry.next == advance.from;
        });
    return other.in1 == ledger.end() ? ledger.front().next : other.in1->next;
}

}  // namespace

Result<std::variant<CommittedOnce, LedgerElsewhere>> commit_once(Store& store, Clock& clock,
                                                                 const Batch& batch,
                                                                 const CommitOrder& order,
                                                                 const CommitTries& tries) {
    using End = std::variant<CommittedOnce, LedgerElsewhere>;
    TAPEDECK_ASSERT(!batch.advances.empty());
    bool may_be_ours = tries.may_be_ours;
    for (int number = 1;; ++number) {
        auto committed = store.commit(batch, order, {.stop = tries.stop});
        if (committed) return End(CommittedOnce{*std::move(committed), number, false});
        const Error& error = committed.error();
        const bool is_conflict = error.kind == ErrorKind::conflict;
        if (!is_conflict && !retryable(error.kind)) {
            return in_context("loading " + to_string(batch.advances[0].at), error);
        }
        if (tries.failed) tries.failed({number, error});
        may_be_ours = may_be_ours || !is_conflict;
        const auto ledger = ledger_of(store, batch, tries.stop);
        if (may_be_ours && ledger && is_as_left(batch, *ledger)) {
            return End(CommittedOnce{{}, number, true});
        }
        if (is_conflict && ledger)
            return End(LedgerElsewhere{elsewhere(batch, *ledger), error.what});
        if (!is_conflict && ledger && number > 1 && tries.refused) tries.refused({number, error});
        if (!ledger && !retryable(ledger.error().kind)) return ledger.error();
        const bool give_up = tries.give_up_after > 0 && number >= tries.give_up_after;
        if (give_up || tries.stop.stop_requested()) return is_conflict ? ledger.error() : error;
        clock.sleep_until(clock.now() + kBetweenTries, tries.stop);
    }
}

}  // namespace tapedeck
