#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/shipped.h"
#include "market/calendar.h"
#include "schedule/cron.h"

namespace tapedeck {

// When something is to happen, as text: what a DAG's keys `schedule`, `zone`, `calendar` say.
struct ScheduleSpec {
    std::string cron;
    std::string zone = "UTC";
    std::string calendar = "always";
    std::string calendar_text = {};  // of a user's own; empty: one that is shipped
    // For @once alone: its instant is the first whole second at or after this, the moment at which
    // the DAG was first seen. Without it @once has no instant.
    std::optional<Timestamp> start = std::nullopt;
    friend bool operator==(const ScheduleSpec&, const ScheduleSpec&) = default;
};

// What is wrong with one: `part` is the name of the member.
struct ScheduleFault {
    std::string_view part;
    Error error;
};

// All of it, `calendars` being the files that calendar names are looked up in.
std::vector<ScheduleFault> schedule_faults(const ScheduleSpec& spec,
                                           std::span<const ShippedFile> calendars);

// The instants of a cron expression in a zone, each open or closed by a calendar. A value: cheap
// enough to copy, immutable, safe from any thread.
//
// Where the zone's clocks change (docs/schedules.md has the cases): an expression that matches
// every hour follows real time; any other fires at the first occurrence of a local time that
// occurs twice, and at the first instant after the gap for local times that do not exist, once
// however many of them the gap swallowed.
class Schedule {
public:
    // The first of schedule_faults: `malformed` or `rejected`, naming the expression, zone or
    // calendar that is at fault.
    static Result<Schedule> make(const ScheduleSpec& spec,
                                 std::span<const ShippedFile> calendars = shipped_files());

    // Exactly these instants, in order and each once, all of them open: what somebody did without a
    // schedule. Its spec is empty.
    static Schedule of_instants(std::vector<Timestamp> instants);

    const ScheduleSpec& spec() const { return spec_; }
    const Calendar& calendar() const { return calendar_; }
    const Cron& cron() const { return cron_; }

    // Calls `visit(Timestamp instant, bool open)` for each instant of [from, to), in order. A
    // visitor that returns bool ends the walk by false.
    template <class Visit>
    void for_each_instant(Timestamp from, Timestamp to, Visit&& visit) const {
        CalendarWalk walk(calendar_);
        each(from, to, [&](Timestamp instant) {
            if constexpr (std::is_same_v<decltype(visit(instant, true)), bool>) {
                return visit(instant, walk.is_open(instant));
            } else {
                visit(instant, walk.is_open(instant));
                return true;
            }
        });
    }

    // The first instant after `after`, open or closed; none where @once has passed.
    std::optional<Timestamp> next(Timestamp after) const;

    // The last instant at or before `moment`, open or closed; none within ten years.
    std::optional<Timestamp> last(Timestamp moment) const;

    // The first open instant after `after`; none within ten years.
    std::optional<Timestamp> next_open(Timestamp after) const;

    // How far `instant` lies from its nearest neighbour, open or closed: five minutes for every
    // instant of "*/5 9-16 * * *", the last of the day included. None where it has no neighbour.
    std::optional<std::chrono::microseconds> interval_at(Timestamp instant) const;

    // How late a live quote may still answer for `instant`: half its interval, and an hour where
    // it has none.
    std::chrono::microseconds grace_at(Timestamp instant) const;

private:
    friend std::vector<ScheduleFault> schedule_faults(const ScheduleSpec&,
                                                      std::span<const ShippedFile>);

    Schedule() : calendar_(Calendar::always()) {}
    std::vector<ScheduleFault> read(const ScheduleSpec& spec,
                                    std::span<const ShippedFile> calendars);
    bool each(Timestamp from, Timestamp to, const std::function<bool(Timestamp)>& visit) const;

    ScheduleSpec spec_;
    std::optional<std::vector<Timestamp>> listed_;  // in place of the expression
    Cron cron_;
    Zone zone_;
    Calendar calendar_;
};

// The open instants of [from, to), in order: the slots that are expected. `rejected` where `to` is
// before `from`, or where there are more than ten million.
Result<std::vector<Timestamp>> open_instants(const Schedule& schedule, Timestamp from,
                                             Timestamp to);

}  // namespace tapedeck
