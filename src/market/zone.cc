#include "market/zone.h"

#include <date/tz.h>
#include <fmt/core.h>

#include <exception>

namespace tapedeck {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::seconds;

// The years that Timestamp's text form has; spans are cut to them, so that no sum overflows.
constexpr Timestamp kFirst = std::chrono::sys_days(std::chrono::year(-1) / 1 / 1);
constexpr Timestamp kLast = std::chrono::sys_days(std::chrono::year(10'001) / 1 / 1);

Timestamp clamped(date::sys_seconds time) {
    if (time.time_since_epoch() <= duration_cast<seconds>(kFirst.time_since_epoch())) return kFirst;
    if (time.time_since_epoch() >= duration_cast<seconds>(kLast.time_since_epoch())) return kLast;
    return Timestamp(time.time_since_epoch());
}

}  // namespace

LocalTime Zone::Span::to_local(Timestamp time) const {
    return LocalTime(std::chrono::floor<seconds>(time).time_since_epoch() + offset);
}

Timestamp Zone::Span::to_utc(LocalTime local) const {
    return Timestamp(local.time_since_epoch() - offset);
}

Result<Zone> Zone::named(std::string_view name) {
    Zone zone;
    if (name == "UTC") return zone;
    try {
        zone.zone_ = date::locate_zone(std::string(name));
        zone.zone_->get_info(date::sys_seconds(seconds(0)));  // reads the file now, not later
    } catch (const std::exception& error) {
        return Error{ErrorKind::rejected,
                     fmt::format("unknown time zone '{}': names are as in tzdata, "
                                 "'America/New_York' or 'UTC'",
                                 name)};
    }
    zone.name_ = std::string(name);
    return zone;
}

Zone::Span Zone::span_at(Timestamp time) const {
    if (zone_ == nullptr) return {kFirst, kLast, seconds(0)};
    const auto info =
        zone_->get_info(date::sys_seconds(std::chrono::floor<seconds>(time).time_since_epoch()));
    return {clamped(info.begin), clamped(info.end), info.offset};
}

Timestamp Zone::to_utc(LocalTime local) const {
    if (zone_ == nullptr) return Timestamp(local.time_since_epoch());
    const auto info = zone_->get_info(date::local_seconds(local.time_since_epoch()));
    if (info.result == date::local_info::nonexistent) return clamped(info.first.end);
    return Timestamp(local.time_since_epoch() - info.first.offset);
}

}  // namespace tapedeck
