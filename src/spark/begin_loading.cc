#include "spark/begin_loading.h"

#include <algorithm>

#include "events/recording.h"
#include "load/resume.h"
#include "load/topic_claims.h"
#include "spark/told_tape.h"

namespace tapedeck {
namespace {

constexpr int kTries = 5;  // others may load meanwhile
// Offsets before the ledger: right before it there may be marks of transactions.
constexpr std::int64_t kReach = 64;

// What was loaded last, held against the message that the tape has there.
Result<bool> is_compared(const LedgerEntry& entry, const TapeFacts::Partition& told) {
    if (!told.last || told.ledger != entry.next || !entry.last_digest) return false;
    if (told.last->digest == *entry.last_digest) return true;
    return Error{ErrorKind::rejected,
                 other_message_at(entry.at, told.last->offset, *entry.last_digest)};
}

// Moves the ledger over what is gone; false where somebody else has moved it.
Result<bool> write_gap(Store& store, Log& log, const TapeLabel& label, const TapeGap& gap) {
    Batch batch;
    batch.advances.push_back({gap.at, gap.from, gap.to, std::nullopt, std::nullopt});
    batch.gaps.push_back(gap);
    label.stamp(batch);
    const auto committed = store.commit(batch);
    if (!committed && committed.error().kind == ErrorKind::conflict) return false;
    if (!committed) return committed.error();
    log.emit(TapeHasGap{gap.at.topic, gap.at.partition.value(), gap.from.value(), gap.to.value()});
    return true;
}

}  // namespace

Result<Begun> begin_loading(Store& store, Clock& clock, Log& log, const RangeOptions& options,
                            const std::string& identity, const TapeFacts& facts) {
    if (auto mine = claim_topics(store, options.topics, {}); !mine) return mine.error();
    ToldTape tape(identity, facts);
    LoadingStarts starts(tape, store, log, facts.starts);
    auto decided = starts.begin(options.topics, options.label, clock.now(), {});
    if (!decided) return decided.error();
    Begun begun;
    std::vector<TopicPartition> stored;
    for (const auto& [at, told] : facts.partitions) stored.push_back(options.label.at(at));
    for (int tries = 1;; ++tries) {
        begun.partitions.clear();
        auto ledger = store.ledger(stored);
        if (!ledger) return ledger.error();
        bool is_beaten = false;
        for (LedgerEntry& entry : *ledger) {
            entry.at = place_on_tape(entry.at);
            const TapeFacts::Partition& told = facts.partitions.at(entry.at);
            LedgerEntry seen = entry;
            seen.next = std::min(entry.next, told.ledger.value_or(entry.next));
            const auto judged = plan_resume(seen, told.extent, std::nullopt);
            if (const auto* refused = std::get_if<RefusePartition>(&judged)) {
                return Error{ErrorKind::rejected, refused->why};
            }
            // What others have loaded meanwhile the tape holds, though it was asked before.
            const Extent extent{told.extent.earliest, std::max(told.extent.end, entry.next)};
            const auto plan = plan_resume(entry, extent, std::nullopt);
            const auto& resume = std::get<Resume>(plan);
            if (resume.gap) {
                const auto written = write_gap(store, log, options.label, *resume.gap);
                if (!written) return written.error();
                is_beaten = is_beaten || !*written;
                if (*written) begun.gaps += resume.gap->to.value() - resume.gap->from.value();
            }
            const auto compared = is_compared(entry, told);
            if (!compared) return compared.error();
            const Offset before(resume.from.value() - (*compared ? 0 : kReach));
            begun.partitions.push_back({entry.at, resume.from, std::max(extent.earliest, before)});
        }
        if (!is_beaten) return begun;
        if (tries == kTries) {
            return Error{ErrorKind::unavailable,
                         "others move the ledger over what the tape has no longer"};
        }
    }
}

}  // namespace tapedeck
