#include "app/collect_slot.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/planner.h"

namespace tapedeck {
namespace {

using std::chrono::microseconds;
using std::chrono::minutes;

constexpr microseconds kMoment{1};

AnswerableSlot slot_at(const Schedule& schedule, Timestamp slot) {
    return {slot, slot + schedule.grace_at(slot)};
}

// The last open instant of any of them, and the next; what a refusal names.
std::string neighbours(std::span<const Schedule> schedules, Timestamp now) {
    std::optional<AnswerableSlot> last;
    std::optional<Timestamp> next;
    for (const Schedule& schedule : schedules) {
        if (const auto open = schedule.next_open(now); open && (!next || *open < *next)) {
            next = open;
        }
        for (auto slot = schedule.last(now); slot; slot = schedule.last(*slot - kMoment)) {
            if (!schedule.calendar().is_open(*slot)) continue;
            if (!last || *slot > last->slot) last = slot_at(schedule, *slot);
            break;
        }
    }
    std::string text = last ? fmt::format("the last slot was {}, answered until {}",
                                          format_rfc3339(last->slot), format_rfc3339(last->until))
                            : std::string("there was none yet");
    text += next ? ", the next is " + format_rfc3339(*next) : std::string(", and none will be");
    return text + "; --off-schedule records prices without a slot";
}

std::variant<AnswerableSlot, SlotRefusal> minute_to_answer(const std::string& feed,
                                                           std::optional<Timestamp> asked,
                                                           Timestamp now) {
    const Timestamp minute = std::chrono::floor<minutes>(now);
    if (!asked || *asked == minute) return AnswerableSlot{minute, minute + minutes(1)};
    return SlotRefusal{Exit::usage,
                       fmt::format("no DAG collects {}: a collection answers the minute in which "
                                   "it is made, {} now, and not {}",
                                   feed, format_rfc3339(minute), format_rfc3339(*asked))};
}

// Of a slot that was named and cannot be answered at `now`.
SlotRefusal refusal_of(std::span<const Schedule> schedules, const std::string& feed, Timestamp slot,
                       Timestamp now) {
    const std::string name = fmt::format("{} {}", feed, format_rfc3339(slot));
    std::optional<SlotRefusal> closed;
    for (const Schedule& schedule : schedules) {
        if (schedule.next(slot - kMoment) != slot) continue;
        if (!schedule.calendar().is_open(slot)) {
            closed = SlotRefusal{
                Exit::not_found,
                fmt::format("{} is closed by the calendar {}: ", name, schedule.spec().calendar)};
            continue;
        }
        if (slot > now) return {Exit::usage, name + " has not come yet: "};
        return {Exit::usage,
                fmt::format("{} could be answered until {}, and a price of now is not its: ", name,
                            format_rfc3339(slot_at(schedule, slot).until))};
    }
    return closed.value_or(
        SlotRefusal{Exit::not_found, fmt::format("{} is no slot of the schedule: ", name)});
}

}  // namespace

Result<std::vector<Schedule>> schedules_of(std::span<const DagSpec> dags, const std::string& feed,
                                           const FirstSeen& seen) {
    std::vector<Schedule> schedules;
    for (const DagSpec& dag : dags) {
        if (std::ranges::find(dag.tasks, feed, &TaskSpec::feed) == dag.tasks.end()) continue;
        ScheduleSpec spec{dag.schedule, dag.zone, dag.calendar, dag.calendar_text, {}};
        if (const auto known = seen.find(dag.name); known != seen.end()) spec.start = known->second;
        auto schedule = Schedule::make(spec);
        if (!schedule) return in_context("dag " + dag.name, schedule.error());
        schedules.push_back(*std::move(schedule));
    }
    return schedules;
}

std::variant<AnswerableSlot, SlotRefusal> slot_to_answer(std::span<const Schedule> schedules,
                                                         const std::string& feed,
                                                         std::optional<Timestamp> asked,
                                                         Timestamp now) {
    if (schedules.empty()) return minute_to_answer(feed, asked, now);
    std::optional<AnswerableSlot> present;
    for (const Schedule& schedule : schedules) {
        // An earlier one than the last is past its grace, as that is half the way at most.
        const auto slot =
            schedule.last(asked && *asked - now <= minutes(1) ? std::max(now, *asked) : now);
        if (!slot || !schedule.calendar().is_open(*slot) || (asked && *slot != *asked)) continue;
        const AnswerableSlot found = slot_at(schedule, *slot);
        if (found.until < now || (present && present->slot >= found.slot)) continue;
        present = found;
    }
    if (present) return *present;
    SlotRefusal refusal =
        asked ? refusal_of(schedules, feed, *asked, now)
              : SlotRefusal{Exit::not_found,
                            fmt::format("{} has no slot that a price of {} answers: ", feed,
                                        format_rfc3339(now))};
    refusal.what += neighbours(schedules, now);
    return refusal;
}

}  // namespace tapedeck
