#include "market/reason.h"

#include <algorithm>
#include <array>

namespace tapedeck {
namespace {

using enum ErrorKind;

constexpr std::array kTable{
    ReasonRow{Reason::malformed, "malformed", malformed, "malformed", "malformed"},
    ReasonRow{Reason::empty, "empty", unavailable, "empty", "empty"},
    ReasonRow{Reason::truncated, "truncated", unavailable, "truncated", "truncated"},
    ReasonRow{Reason::too_large, "too_large", rejected, "too_large", "too_large"},
    ReasonRow{Reason::consent, "consent", rejected, "consent", "consent"},
    ReasonRow{Reason::challenge, "challenge", rejected, "challenge", "challenge"},
    ReasonRow{Reason::throttled, "throttled", unavailable, "throttled", "throttled"},
    ReasonRow{Reason::unauthorized, "unauthorized", rejected, "unauthorized", "unauthorized"},
    ReasonRow{Reason::forbidden, "forbidden", rejected, "forbidden", "forbidden"},
    ReasonRow{Reason::not_found, "not_found", rejected, "not_found", "not_found"},
    ReasonRow{Reason::wrong_instrument, "wrong_instrument", malformed, "wrong_instrument",
              "wrong_instrument"},
    ReasonRow{Reason::stale, "stale", rejected, "stale", "stale"},
    ReasonRow{Reason::wrong_currency, "wrong_currency", rejected, "wrong_currency",
              "wrong_currency"},
    ReasonRow{Reason::not_positive, "not_positive", rejected, "malformed", "malformed"},
    ReasonRow{Reason::timeout, "timeout", unavailable, "timeout", "timeout"},
    ReasonRow{Reason::unreachable, "unreachable", unavailable, "unreachable", "unreachable"},
    ReasonRow{Reason::refused, "refused", unavailable, "refused", "refused"},
    ReasonRow{Reason::tls, "tls", rejected, "tls", "tls"},
    ReasonRow{Reason::redirects, "redirects", rejected, "redirects", "redirects"},
    ReasonRow{Reason::server_error, "server_error", unavailable, "server_error", "server_error"},
    ReasonRow{Reason::resting, "resting", rejected, "resting", "resting"},
    ReasonRow{Reason::out_of_time, "out_of_time", rejected, "out_of_time", "out_of_time"},
    ReasonRow{Reason::tape, "tape", unavailable, "tape", "tape"},
    ReasonRow{Reason::interrupted, "interrupted", rejected, "interrupted", "interrupted"},
};

}  // namespace

std::span<const ReasonRow> reason_table() { return kTable; }

const ReasonRow& row_of(Reason reason) {
    const auto& row = kTable[static_cast<std::size_t>(reason)];
    TAPEDECK_ASSERT(row.reason == reason);
    return row;
}

std::optional<Reason> reason_named(std::string_view name) {
    const auto* row = std::ranges::find(kTable, name, &ReasonRow::name);
    if (row == kTable.end()) return std::nullopt;
    return row->reason;
}

}  // namespace tapedeck
