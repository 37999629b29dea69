#include "demo/price_walk.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "demo/hash.h"

namespace tapedeck {
namespace {

using std::chrono::microseconds;

constexpr int kMoreDigits = 8;
constexpr std::int64_t kOne = 1'000'000'000;  // a factor of one, in parts per thousand million

struct Octave {
    std::chrono::seconds period;
    std::int64_t amplitude;  // parts per thousand million, of bitcoin
};

constexpr auto kOctaves = std::to_array<Octave>({
    {std::chrono::seconds(10), 150'000},
    {std::chrono::minutes(1), 300'000},
    {std::chrono::minutes(10), 500'000},
    {std::chrono::hours(1), 1'200'000},
    {std::chrono::hours(6), 4'000'000},
    {std::chrono::hours(48), 12'000'000},
    {std::chrono::hours(480), 40'000'000},
});

// Evenly from -amplitude to amplitude, for one corner of the noise.
std::int64_t corner(std::uint64_t key, std::int64_t bucket, std::int64_t amplitude) {
    const std::uint64_t hash = mixed(key, static_cast<std::uint64_t>(bucket));
    return static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(2 * amplitude + 1)) -
           amplitude;
}

// The noise of one octave at `time`: straight lines between the corners of its buckets.
std::int64_t noise(std::uint64_t key, const Octave& octave, Timestamp time) {
    const std::int64_t period = microseconds(octave.period).count();
    const std::int64_t now = time.time_since_epoch().count();
    const std::int64_t bucket = now / period - (now % period < 0 ? 1 : 0);
    const Int128 into = now - bucket * period;
    const std::int64_t from = corner(key, bucket, octave.amplitude);
    const std::int64_t to = corner(key, bucket + 1, octave.amplitude);
    return from + static_cast<std::int64_t>((to - from) * into / period);
}

Price must(Result<Price> price) {
    TAPEDECK_ASSERT(price);
    return *price;
}

}  // namespace

Price to_digits(const Price& price, int digits) {
    const Price rounded = must(price.rounded(digits, Rounding::half_even));
    return rounded.is_positive() ? rounded : must(Price::from_parts(1, digits));
}

PriceWalk::PriceWalk(std::uint64_t seed, Calendar stock_calendar)
    : seed_(seed), calendar_(std::move(stock_calendar)) {}

Price PriceWalk::exact_unclamped(const DemoInstrument& instrument, Timestamp time) const {
    const std::uint64_t key = mixed(seed_, hash_of(instrument.id));
    std::int64_t factor = 0;
    for (std::size_t i = 0; i < kOctaves.size(); ++i) {
        factor += noise(mixed(key, i), kOctaves[i], time);
    }
    const std::int64_t swing =
        std::clamp(factor * instrument.volatility / 100, -kOne / 4, kOne / 4);
    const Price base = must(must(Price::parse(instrument.base))
                                .rounded(instrument.digits + kMoreDigits, Rounding::half_even));
    const Int128 ticks = base.coefficient() * (kOne + swing) / kOne;
    return must(Price::from_parts(std::max<Int128>(ticks, 1), base.scale()));
}

Calendar::Session PriceWalk::session_before(Timestamp time) const {
    if (calendar_.is_always()) {
        const Timestamp day = std::chrono::floor<std::chrono::days>(time);
        return {day, day + std::chrono::days(1)};
    }
    LocalDate date = std::chrono::floor<std::chrono::days>(calendar_.data().zone.to_local(time));
    for (int day = 0; day < 30; ++day, date -= std::chrono::days(1)) {
        const auto sessions = calendar_.sessions(date);
        for (auto session = sessions.rbegin(); session != sessions.rend(); ++session) {
            if (session->open <= time) return *session;
        }
    }
    TAPEDECK_ASSERT(false && "a calendar without a session in 30 days");
    return {};
}

Timestamp PriceWalk::traded_at(const DemoInstrument& instrument, Timestamp time) const {
    return instrument.trades_always() ? time : std::min(time, session_before(time).close);
}

Price PriceWalk::exact(const DemoInstrument& instrument, Timestamp time) const {
    return exact_unclamped(instrument, traded_at(instrument, time));
}

Price PriceWalk::shown(const DemoInstrument& instrument, Timestamp time) const {
    return to_digits(exact(instrument, time), instrument.digits);
}

Price PriceWalk::previous_close(const DemoInstrument& instrument, Timestamp time) const {
    if (instrument.trades_always()) return shown(instrument, time - std::chrono::hours(24));
    const Calendar::Session session = session_before(time);
    return shown(instrument, session_before(session.open - microseconds(1)).close);
}

PriceView PriceWalk::view(const DemoInstrument& instrument, Timestamp now) const {
    PriceView view;
    view.instrument = instrument;
    view.now = now;
    view.as_of = traded_at(instrument, now);
    if (instrument.trades_always()) {
        view.session_open = now - std::chrono::hours(24);
        view.session_close = now;
    } else {
        const Calendar::Session session = session_before(now);
        view.session_open = session.open;
        view.session_close = session.close;
        view.open = now <= session.close;
        const Zone::Span span = calendar_.data().zone.span_at(view.as_of);
        view.utc_offset = span.offset;
    }
    view.local_as_of = std::chrono::local_time<std::chrono::seconds>(
        std::chrono::floor<std::chrono::seconds>(view.as_of.time_since_epoch()) + view.utc_offset);
    view.exact = exact_unclamped(instrument, view.as_of);
    view.price = to_digits(view.exact, instrument.digits);
    view.embedded = exact(instrument, now - std::chrono::seconds(37));
    view.previous_close = previous_close(instrument, now);
    view.day_open = shown(instrument, view.session_open);
    view.high = view.low = view.price;
    const auto step = (view.as_of - view.session_open) / 24;
    for (int i = 0; i < 24; ++i) {
        const Price sample =
            to_digits(exact_unclamped(instrument, view.session_open + i * step), instrument.digits);
        view.high = std::max(view.high, sample);
        view.low = std::min(view.low, sample);
    }
    if (!view.open && instrument.kind == DemoInstrument::Kind::stock) {
        // Trading after hours ends four hours after the close.
        view.after_hours_at = std::min(now, view.session_close + std::chrono::hours(4));
        view.after_hours =
            to_digits(exact_unclamped(instrument, view.after_hours_at), instrument.digits);
    }
    return view;
}

}  // namespace tapedeck
