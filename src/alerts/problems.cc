#include "alerts/problems.h"

#include <fmt/format.h>

#include <algorithm>

#include "alerts/load_problems.h"
#include "events/recording.h"
#include "store/stored_price.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMostSlots = 100'000;  // of a feed, looked at after each of its slots

bool has_price(const Verdict& verdict) {
    return verdict.state == CoverageState::recorded || verdict.state == CoverageState::recovered;
}

bool is_fault(const Verdict& verdict) {
    return verdict.state == CoverageState::failed || verdict.state == CoverageState::missed;
}

void find_failed(const std::string& feed, const SeenSlot& last, std::vector<Problem>& out) {
    std::string names;
    std::size_t count = 0;
    for (const auto& [instrument, seen] : last.instruments) {
        if (!is_fault(seen.verdict)) continue;
        if (++count <= 5) {
            names +=
                fmt::format("{}{} {}", names.empty() ? "" : ", ", instrument, seen.verdict.reason);
        }
    }
    if (count == 0) return;
    if (count > 5) names += ", …";
    out.push_back({"failed:" + feed, feed,
                   fmt::format("{} {}: {} of {} without a price: {}", feed,
                               format_rfc3339(last.slot), count, last.instruments.size(), names)});
}

void find_stale(const std::string& feed, const std::vector<SeenSlot>& slots, int limit,
                std::vector<Problem>& out) {
    int without = 0;
    for (auto slot = slots.rbegin(); slot != slots.rend(); ++slot) {
        const bool any = std::ranges::any_of(
            slot->instruments, [](const auto& entry) { return has_price(entry.second.verdict); });
        if (any) break;
        ++without;
    }
    if (without < limit) return;
    out.push_back({"stale:" + feed, feed,
                   fmt::format("{}: no price at all for {} slots, the last one {}", feed, without,
                               format_rfc3339(slots.back().slot))});
}

void find_frozen(const std::string& feed, const std::vector<SeenSlot>& slots, int limit,
                 std::vector<Problem>& out) {
    if (limit <= 0 || slots.size() < static_cast<std::size_t>(limit)) return;
    for (const auto& [instrument, seen] : slots.back().instruments) {
        if (!seen.price) continue;
        int same = 0;
        for (auto slot = slots.rbegin(); slot != slots.rend(); ++slot, ++same) {
            const auto then = slot->instruments.find(instrument);
            if (then == slot->instruments.end() || then->second.price != seen.price) break;
        }
        if (same < limit) continue;
        out.push_back({"frozen:" + feed + ":" + instrument, feed,
                       fmt::format("{}: {} has had the very same price {} for {} slots", feed,
                                   instrument, seen.price->to_string(), same)});
    }
}

}  // namespace

int slots_within(const Schedule& schedule, std::chrono::milliseconds span, Timestamp now) {
    const auto next = schedule.next_open(now);
    const auto interval = next ? schedule.interval_at(*next) : std::nullopt;
    if (!interval || interval->count() <= 0) return 1;
    const auto slots = (std::chrono::microseconds(span) + *interval - 1us) / *interval;
    return static_cast<int>(std::clamp<std::int64_t>(slots, 1, kMostSlots));
}

std::vector<Problem> find_problems(const std::string& feed, const std::vector<SeenSlot>& slots,
                                   const ProblemLimits& limits) {
    std::vector<Problem> problems;
    if (slots.empty()) return problems;
    find_failed(feed, slots.back(), problems);
    find_stale(feed, slots, limits.stale_slots, problems);
    find_frozen(feed, slots, limits.frozen_slots, problems);
    for (const SeenSlot& slot : slots) {
        const auto lost = std::ranges::count_if(slot.instruments, [](const auto& entry) {
            return entry.second.verdict.state == CoverageState::lost;
        });
        if (lost == 0) continue;
        problems.push_back({"lost:" + feed, feed,
                            fmt::format("{} {}: {} prices were sent and have no row", feed,
                                        format_rfc3339(slot.slot), lost)});
        break;
    }
    return problems;
}

Result<std::vector<SeenSlot>> ProblemTeller::last_slots(const Feed& feed, int count) {
    std::vector<SeenSlot> slots;
    std::optional<Timestamp> first;
    auto done = store_.query(
        {"select slot from coverage where feed = $1 group by slot having sum(case when state = "
         "'pending' then 1 else 0 end) = 0 order by slot desc limit $2",
         {feed.name, static_cast<std::int64_t>(count)},
         {}},
        [&](const RowView& row) -> Result<> {
            slots.push_back({row.timestamp(0), {}});
            first = row.timestamp(0);
            return {};
        });
    if (!done) return done.error();
    if (!first) return slots;
    std::ranges::reverse(slots);
    done = store_.query(
        {"select slot, instrument, state, reason from coverage where feed = $1 and slot >= $2",
         {feed.name, *first},
         {}},
        [&](const RowView& row) -> Result<> {
            const auto slot = std::ranges::find(slots, row.timestamp(0), &SeenSlot::slot);
            const auto state = coverage_state_named(row.text(2));
            if (slot == slots.end() || !state) return {};
            slot->instruments[std::string(row.text(1))].verdict = {
                *state, row.is_null(3) ? "" : std::string(row.text(3)), {}};
            return {};
        });
    if (!done) return done.error();
    done = store_.query(
        {fmt::format("select slot, instrument, {} from {} where slot >= $1 and instrument is not "
                     "null order by id",
                     stored_price_column("price"), feed.table.name),
         {*first},
         {}},
        [&](const RowView& row) -> Result<> {
            const auto slot = std::ranges::find(slots, row.timestamp(0), &SeenSlot::slot);
            if (slot == slots.end()) return {};
            const auto seen = slot->instruments.find(std::string(row.text(1)));
            if (seen != slot->instruments.end()) seen->second.price = stored_price(row, 2).number;
            return {};
        });
    if (!done) return done.error();
    return slots;
}

// `is_meant`: those that are over where `now` has them not.
Result<> ProblemTeller::settle(const std::vector<Problem>& now,
                               const std::function<bool(const Problem&)>& is_meant) {
    std::map<std::string, Problem> open;
    auto done = store_.query({"select key, feed, what from problems", {}, {}},
                             [&](const RowView& row) -> Result<> {
                                 Problem one{std::string(row.text(0)), std::string(row.text(1)),
                                             std::string(row.text(2))};
                                 if (is_meant(one)) open[one.key] = std::move(one);
                                 return {};
                             });
    if (!done) return done;
    const auto tell = [&](bool recovered, const Problem& problem) {
        if (auto told = tell_(recovered, problem); !told) {
            log_.emit(StepFailed{"on_problem", told.error().what});
        }
    };
    for (const Problem& problem : now) {
        if (const auto known = open.find(problem.key); known != open.end()) {
            // How many dead letters there are is told anew, and which slot was the first is not.
            const bool is_same = known->second.what == problem.what || !is_of_loading(problem.key);
            open.erase(known);
            if (is_same) continue;
            const std::vector<Statement> update{
                {"update problems set what = $2 where key = $1", {problem.key, problem.what}, {}}};
            if (auto saved = store_.transact(update); !saved) return saved.error();
            continue;
        }
        const Timestamp at = clock_.now();
        const std::vector<Statement> insert{
            {"insert into problems (key, feed, what, since, told_at) values ($1, $2, $3, $4, $5)",
             {problem.key, problem.feed, problem.what, at, at},
             {}}};
        if (auto saved = store_.transact(insert); !saved) return saved.error();
        log_.emit(ProblemTold{problem.key, problem.what});
        tell(false, problem);
    }
    for (const auto& [key, problem] : open) {
        const std::vector<Statement> remove{{"delete from problems where key = $1", {key}, {}}};
        if (auto saved = store_.transact(remove); !saved) return saved.error();
        log_.emit(ProblemOver{key, problem.what});
        tell(true, problem);
    }
    return {};
}

Result<> ProblemTeller::look(const std::map<std::string, Feed>& feeds, const std::string& feed,
                             const ProblemLimits& limits) {
    const auto found = feeds.find(feed);
    if (found == feeds.end()) return {};
    auto slots = last_slots(found->second, std::max({limits.stale_slots, limits.frozen_slots, 1}));
    if (!slots) return slots.error();
    return settle(find_problems(feed, *slots, limits), [&](const Problem& problem) {
        return problem.feed == feed && !is_of_loading(problem.key);
    });
}

Result<> ProblemTeller::look_at_loading(const std::map<std::string, Feed>& feeds) {
    const auto found = load_problems(store_, feeds, settled_letters_);
    if (!found) return found.error();
    std::vector<Problem> problems;
    for (const LoadProblem& one : *found) problems.push_back(one.problem);
    return settle(problems, [](const Problem& problem) { return is_of_loading(problem.key); });
}

}  // namespace tapedeck
