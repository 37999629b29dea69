#include "schedule/schedule.h"

#include <fmt/core.h>

#include <algorithm>

#include "schedule/calendar_file.h"

namespace tapedeck {
namespace {

using std::chrono::ceil;
using std::chrono::days;
using std::chrono::microseconds;
using std::chrono::seconds;

constexpr auto kFarthest = days(3653);             // how far ahead a next instant is looked for
constexpr std::size_t kMostInstants = 10'000'000;  // in one answer

// The years of Timestamp's text form, which are also those that a zone's spans cover.
constexpr Timestamp kFirst = std::chrono::sys_days(std::chrono::year(0) / 1 / 1);
constexpr Timestamp kLast = std::chrono::sys_days(std::chrono::year(10'000) / 1 / 1);

}  // namespace

std::vector<ScheduleFault> schedule_faults(const ScheduleSpec& spec,
                                           std::span<const ShippedFile> calendars) {
    return Schedule().read(spec, calendars);
}

Result<Schedule> Schedule::make(const ScheduleSpec& spec, std::span<const ShippedFile> calendars) {
    Schedule schedule;
    const std::vector<ScheduleFault> faults = schedule.read(spec, calendars);
    if (!faults.empty()) return faults.front().error;
    return schedule;
}

std::vector<ScheduleFault> Schedule::read(const ScheduleSpec& spec,
                                          std::span<const ShippedFile> calendars) {
    std::vector<ScheduleFault> faults;
    const auto take = [&faults](auto result, std::string_view part, auto& into) {
        if (result) {
            into = *std::move(result);
        } else {
            faults.push_back({part, result.error()});
        }
    };
    spec_ = spec;
    take(Cron::parse(spec.cron), "cron", cron_);
    take(Zone::named(spec.zone), "zone", zone_);
    take(spec.calendar_text.empty()
             ? calendar_named(spec.calendar, calendars)
             : calendar_of_text(spec.calendar, spec.calendar_text, calendars),
         "calendar", calendar_);
    if (faults.empty() && cron_.is_once() && !calendar_.is_always()) {
        faults.push_back(
            {"calendar",
             {ErrorKind::rejected,
              fmt::format("cron '@once' takes no calendar but 'always', not '{}': its one instant "
                          "could be closed",
                          spec.calendar)}});
    }
    return faults;
}

Schedule Schedule::of_instants(std::vector<Timestamp> instants) {
    TAPEDECK_ASSERT(std::ranges::adjacent_find(instants, std::greater_equal<>()) == instants.end());
    Schedule schedule;
    schedule.listed_ = std::move(instants);
    return schedule;
}

// Goes from span to span of the zone's offset: within one, local time is UTC plus a constant. At
// the seam between two of them the clocks went on (a gap) or back (local times come again).
bool Schedule::each(Timestamp from, Timestamp to,
                    const std::function<bool(Timestamp)>& visit) const {
    from = std::max(from, kFirst);
    to = std::min(to, kLast);
    if (listed_) {
        for (auto at = std::ranges::lower_bound(*listed_, from); at != listed_->end() && *at < to;
             ++at) {
            if (!visit(*at)) return false;
        }
        return true;
    }
    if (cron_.is_once()) {
        if (!spec_.start) return true;
        const Timestamp instant = ceil<seconds>(*spec_.start);
        return instant < from || instant >= to || visit(instant);
    }
    Zone::Span span = zone_.span_at(from);
    LocalTime before = LocalTime::min();  // the local time at which the span before ends
    if (span.begin > kFirst) {
        before = zone_.span_at(span.begin - seconds(1)).to_local(span.begin);
    }
    while (span.begin < to) {
        const Timestamp begin = std::max(span.begin, from);
        const Timestamp end = std::min(span.end, to);
        LocalTime local_begin = span.to_local(ceil<seconds>(begin));
        const LocalTime local_end = span.to_local(ceil<seconds>(end));
        const LocalTime seam = span.to_local(span.begin);
        if (!cron_.every_hour() && before != LocalTime::min() && before != seam) {
            if (before > seam) {
                local_begin = std::max(local_begin, before);
            } else if (span.begin >= from) {
                const std::optional<LocalTime> lost = cron_.next(before);
                if (lost && *lost < seam) {
                    if (!visit(span.begin)) return false;
                    local_begin = seam + seconds(1);
                }
            }
        }
        const bool all = cron_.for_each(local_begin, local_end,
                                        [&](LocalTime local) { return visit(span.to_utc(local)); });
        if (!all) return false;
        before = span.to_local(span.end);
        if (span.end >= to) break;
        span = zone_.span_at(span.end);
    }
    return true;
}

std::optional<Timestamp> Schedule::next(Timestamp after) const {
    std::optional<Timestamp> found;
    each(after + microseconds(1), after + kFarthest, [&](Timestamp instant) {
        found = instant;
        return false;
    });
    return found;
}

std::optional<Timestamp> Schedule::last(Timestamp moment) const {
    std::optional<Timestamp> found;
    // A span that is too short for one instant costs little beside those that hold many.
    for (microseconds span = std::chrono::hours(1); !found; span *= 8) {
        span = std::min<microseconds>(span, kFarthest);
        each(moment - span, moment + microseconds(1), [&](Timestamp instant) {
            found = instant;
            return true;
        });
        if (span == kFarthest) break;
    }
    return found;
}

std::optional<Timestamp> Schedule::next_open(Timestamp after) const {
    std::optional<Timestamp> found;
    for_each_instant(after + microseconds(1), after + kFarthest, [&](Timestamp instant, bool open) {
        if (open) found = instant;
        return !open;
    });
    return found;
}

std::optional<microseconds> Schedule::interval_at(Timestamp instant) const {
    const std::optional<Timestamp> following = next(instant);
    if (!following) return {};
    microseconds interval = *following - instant;
    // Only an instant that is nearer than the next one changes the answer.
    each(instant - interval, instant, [&](Timestamp earlier) {
        interval = std::min(interval, microseconds(instant - earlier));
        return true;
    });
    return interval;
}

microseconds Schedule::grace_at(Timestamp instant) const {
    return interval_at(instant).value_or(std::chrono::hours(2)) / 2;
}

Result<std::vector<Timestamp>> open_instants(const Schedule& schedule, Timestamp from,
                                             Timestamp to) {
    if (to < from) {
        return Error{ErrorKind::rejected, fmt::format("the span ends before it begins: {} to {}",
                                                      format_rfc3339(from), format_rfc3339(to))};
    }
    std::vector<Timestamp> instants;
    schedule.for_each_instant(from, to, [&](Timestamp instant, bool open) {
        if (open) instants.push_back(instant);
        return instants.size() <= kMostInstants;
    });
    if (instants.size() > kMostInstants) {
        return Error{ErrorKind::rejected,
                     fmt::format("more than {} instants of '{}' from {} to {}", kMostInstants,
                                 schedule.spec().cron, format_rfc3339(from), format_rfc3339(to))};
    }
    return instants;
}

}  // namespace tapedeck
