#include "run/coverage_side.h"

#include "events/recording.h"

namespace tapedeck {
namespace {

constexpr std::chrono::seconds kBetweenLooks{30};  // at dead letters, where no slot has changed

}  // namespace

CoverageSide::CoverageSide(Parts parts, Orders orders)
    : parts_(std::move(parts)),
      orders_(std::move(orders)),
      ledger_(parts_.store, parts_.tape, orders_.feeds),
      problems_(parts_.store, parts_.clock, parts_.log, parts_.tell) {
    ledger_.hold_back_while(parts_.held_back);
}

Result<> CoverageSide::settle() {
    const Timestamp now = parts_.clock.now();
    if (!has_changed_ && (!look_again_at_ || now < *look_again_at_)) return {};
    auto settled = ledger_.settle(orders_.expectations, now);
    if (!settled) return settled.error();
    has_changed_ = false;
    look_again_at_ = settled->next;
    look_for_problems(settled->feeds);
    if (settled->changed > 0 && parts_.changed) parts_.changed();
    return {};
}

void CoverageSide::look_for_problems(const std::set<std::string>& feeds) {
    for (const std::string& feed : feeds) {
        const auto limits = orders_.problem_limits.find(feed);
        auto looked = problems_.look(
            orders_.feeds, feed,
            limits == orders_.problem_limits.end() ? ProblemLimits{} : limits->second);
        if (!looked) parts_.log.emit(StepFailed{"looking for problems", looked.error().what});
    }
    // Also where no slot came of what was loaded; but not after every batch of a backlog.
    const auto now = parts_.clock.steady();
    if (feeds.empty() && loading_looked_at_ && now - *loading_looked_at_ < kBetweenLooks) return;
    loading_looked_at_ = now;
    auto looked = problems_.look_at_loading(orders_.feeds);
    if (!looked) parts_.log.emit(StepFailed{"looking for problems", looked.error().what});
}

Result<> CoverageSide::settle_last(Store& store) {
    CoverageLedger ledger(store, parts_.tape, orders_.feeds);
    ledger.hold_back_while(parts_.held_back);
    auto settled = ledger.settle(orders_.expectations, parts_.clock.now());
    return settled ? Result<>() : Result<>(settled.error());
}

}  // namespace tapedeck
