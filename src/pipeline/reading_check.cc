#include "pipeline/reading_check.h"

#include <fmt/format.h>

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

// Clocks of sites run ahead of ours by seconds; more than this is no clock error.
constexpr auto kFuture = 10min;

}  // namespace

std::optional<Failure> check_reading(const Reading& reading, const Feed& feed, const Source& source,
                                     Timestamp observed_at) {
    if (!reading.price.is_positive()) {
        return Failure{Reason::not_positive,
                       fmt::format("price {} of {} is not positive", reading.price.to_string(),
                                   reading.instrument)};
    }
    if (!feed.currency.empty() && !reading.currency.empty() && reading.currency != feed.currency) {
        return Failure{Reason::wrong_currency,
                       fmt::format("{} is priced in {}, the feed wants {}", reading.instrument,
                                   reading.currency, feed.currency)};
    }
    if (feed.lift_age_checks) return std::nullopt;
    const auto max_age = feed.max_age.count() > 0 ? feed.max_age : source.max_age;
    if (max_age.count() > 0 && reading.unread_as_of) {
        return Failure{Reason::stale, fmt::format("the price of {} may be of any time: {}",
                                                  reading.instrument, *reading.unread_as_of)};
    }
    if (!reading.as_of) return std::nullopt;
    if (max_age.count() > 0 && *reading.as_of < observed_at - max_age) {
        return Failure{Reason::stale,
                       fmt::format("price of {} is of {}, older than {}", reading.instrument,
                                   format_rfc3339(*reading.as_of), format_duration(max_age))};
    }
    if (*reading.as_of > observed_at + kFuture) {
        return Failure{Reason::malformed,
                       fmt::format("price of {} is of {}, which has not come yet",
                                   reading.instrument, format_rfc3339(*reading.as_of))};
    }
    return std::nullopt;
}

}  // namespace tapedeck
