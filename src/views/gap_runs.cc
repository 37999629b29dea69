#include "views/gap_runs.h"

#include <algorithm>

namespace tapedeck {

// A slot that the schedule does not know (any more) has the number of the one after it.
std::size_t GapRuns::number_of(Timestamp slot) {
    const auto from =
        slots_.begin() + static_cast<std::ptrdiff_t>(std::min(number_, slots_.size()));
    return static_cast<std::size_t>(std::lower_bound(from, slots_.end(), slot) - slots_.begin());
}

Result<> GapRuns::give(Runs& runs) {
    for (const auto& [instrument, run] : runs) {
        if (auto taken = sink_(run); !taken) return taken;
    }
    runs.clear();
    return {};
}

// A slot that the schedule does not know follows another one under the same number: what reaches to
// that one is what may go on.
Result<> GapRuns::move_back(const CoverageRow& gap) {
    const auto here = here_.find(gap.instrument);
    if (here == here_.end() || here->second.last == gap.slot) return {};
    if (const auto older = before_.find(gap.instrument); older != before_.end()) {
        if (auto taken = sink_(older->second); !taken) return taken;
        before_.erase(older);
    }
    before_.insert(here_.extract(here));
    return {};
}

Result<> GapRuns::add(const CoverageRow& gap) {
    const std::size_t number = number_of(gap.slot);
    if (number != number_) {
        if (auto given = give(before_); !given) return given;
        before_.swap(here_);
        if (number > number_ + 1) {
            if (auto given = give(before_); !given) return given;
        }
        number_ = number;
    }
    if (auto moved = move_back(gap); !moved) return moved;
    if (here_.contains(gap.instrument)) return {};  // two DAGs ask for the same slot
    const auto known = before_.find(gap.instrument);
    const bool same = known != before_.end() && known->second.verdict.state == gap.verdict.state &&
                      known->second.verdict.reason == gap.verdict.reason;
    if (!same) {
        here_.try_emplace(gap.instrument,
                          GapRun{gap.feed, gap.instrument, gap.slot, gap.slot, 1, gap.verdict});
        return {};
    }
    auto run = before_.extract(known);
    run.mapped().last = gap.slot;
    ++run.mapped().slots;
    here_.insert(std::move(run));
    return {};
}

Result<> GapRuns::finish() {
    if (auto given = give(before_); !given) return given;
    return give(here_);
}

}  // namespace tapedeck
