#include "demo/demo_clock.h"

#include <algorithm>

#include "base/assert.h"

namespace tapedeck {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr int kDaysToLook = 30;  // no exchange is closed for longer

LocalDate date_of(const Calendar& calendar, Timestamp time) {
    return std::chrono::floor<days>(calendar.data().zone.to_local(time));
}

bool within(const Calendar& calendar, Timestamp from, std::chrono::microseconds left) {
    const auto sessions = calendar.sessions(date_of(calendar, from));
    return std::ranges::any_of(sessions, [&](const Calendar::Session& session) {
        return session.open <= from && from + left <= session.close;
    });
}

// One hour into a session, or its middle where it is shorter than two hours.
Timestamp well_into(const Calendar::Session& session) {
    const std::chrono::microseconds half = (session.close - session.open) / 2;
    return session.open + std::min<std::chrono::microseconds>(hours(1), half);
}

Timestamp next_start(const Calendar& calendar, Timestamp after) {
    LocalDate date = date_of(calendar, after);
    for (int day = 0; day < kDaysToLook; ++day, date += days(1)) {
        for (const Calendar::Session& session : calendar.sessions(date)) {
            if (well_into(session) >= after) return well_into(session);
        }
    }
    TAPEDECK_ASSERT(false && "a calendar without a session in 30 days");
    return after;
}

Timestamp last_start(const Calendar& calendar, Timestamp before) {
    LocalDate date = date_of(calendar, before);
    for (int day = 0; day < kDaysToLook; ++day, date -= days(1)) {
        const auto sessions = calendar.sessions(date);
        for (auto session = sessions.rbegin(); session != sessions.rend(); ++session) {
            if (well_into(*session) <= before) return well_into(*session);
        }
    }
    TAPEDECK_ASSERT(false && "a calendar without a session in 30 days");
    return before;
}

}  // namespace

Timestamp demo_start(std::optional<Timestamp> last_kept, Timestamp wall_now,
                     const Calendar& calendar) {
    if (last_kept) {
        const Timestamp after =
            std::chrono::floor<std::chrono::seconds>(*last_kept) + std::chrono::seconds(1);
        if (calendar.is_always()) return std::max(after, wall_now);
        return within(calendar, after, minutes(1)) ? after : next_start(calendar, after);
    }
    if (calendar.is_always() || within(calendar, wall_now, minutes(30))) return wall_now;
    return last_start(calendar, wall_now);
}

}  // namespace tapedeck
