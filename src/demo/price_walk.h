#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/decimal.h"
#include "base/time.h"
#include "demo/instruments.h"
#include "market/calendar.h"
#include "market/record.h"

namespace tapedeck {

// All that a simulated page tells about one instrument at one moment. Prices as pages show them,
// unless said otherwise.
struct PriceView {
    DemoInstrument instrument;
    Timestamp now;
    Timestamp as_of;   // of the price: now while the market is open, else its last close
    bool open = true;  // the market
    Price price;
    Price exact;           // the same moment, with eight more digits
    Price embedded;        // 37 s before, with eight more digits: the JSON inside a page
    Price previous_close;  // coins: 24 hours before
    Price day_open, high, low;
    std::optional<Price> after_hours;  // stocks, while the market is closed
    Timestamp after_hours_at;
    Timestamp session_open, session_close;                      // of the session that as_of lies in
    std::chrono::seconds utc_offset{0};                         // of the exchange's clocks at as_of
    std::chrono::local_time<std::chrono::seconds> local_as_of;  // on the exchange's clocks
};

// Simulated prices: a pure function of (seed, instrument, time), so that restarts and any --speed
// tell the same story. A sum of value noise over seven time scales, from 10 seconds to 20 days,
// moves an instrument around its base price: by about a fifth of a per mille from one slot of the
// demo to the next, by two per cent in a day, and never by more than a quarter altogether. All
// arithmetic is on integers.
//
// Coins trade always; stocks and indexes in the calendar's sessions, and keep the price of the
// last close between them. Immutable; safe from any thread.
class PriceWalk {
public:
    PriceWalk(std::uint64_t seed, Calendar stock_calendar);

    // The price that a page shows at `time`: `instrument.digits` after the point, always positive.
    Price shown(const DemoInstrument& instrument, Timestamp time) const;

    // The same with eight more digits.
    Price exact(const DemoInstrument& instrument, Timestamp time) const;

    // Stocks: the price at the close of the session before the one of `time`. Coins: 24 h before.
    Price previous_close(const DemoInstrument& instrument, Timestamp time) const;

    PriceView view(const DemoInstrument& instrument, Timestamp now) const;

private:
    // The last session that had opened by `time`. The calendar lists one within 30 days.
    Calendar::Session session_before(Timestamp time) const;
    Price exact_unclamped(const DemoInstrument& instrument, Timestamp time) const;
    Timestamp traded_at(const DemoInstrument& instrument, Timestamp time) const;

    const std::uint64_t seed_;
    const Calendar calendar_;
};

// `price` to `digits` after the point, half to even; one tick where that would be zero.
Price to_digits(const Price& price, int digits);

}  // namespace tapedeck
