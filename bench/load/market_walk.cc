#include "bench/load/market_walk.h"

#include <fmt/format.h>

#include <array>

#include "demo/hash.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kFirstSlot{std::chrono::sys_days(std::chrono::January / 1 / 2024)};
constexpr std::array<std::string_view, 12> kNames{"bitcoin",  "ethereum",  "bnb",    "dogecoin",
                                                  "solana",   "avalanche", "xrp",    "cardano",
                                                  "polkadot", "litecoin",  "monero", "shiba-inu"};

}  // namespace

MarketWalk::MarketWalk(int instruments, std::uint64_t seed) : seed_(seed) {
    for (int i = 0; i < instruments; ++i) {
        const std::uint64_t chance = mixed(seed, static_cast<std::uint64_t>(i));
        const auto at = static_cast<std::size_t>(i);
        Instrument one;
        one.name = kNames[at % kNames.size()];
        if (at >= kNames.size()) one.name += fmt::format("-{}", at / kNames.size());
        one.scale = 2 + static_cast<int>(chance % 7);
        one.coefficient = 10'000 + static_cast<std::int64_t>((chance >> 8) % 9'990'000);
        one.sum = 0;
        instruments_.push_back(std::move(one));
    }
}

Record MarketWalk::next() {
    const auto all = static_cast<std::int64_t>(instruments_.size());
    const std::int64_t slot = row_ / all;
    Instrument& one = instruments_[static_cast<std::size_t>(row_ % all)];
    const std::uint64_t chance = mixed(seed_ + 1, static_cast<std::uint64_t>(row_));
    ++row_;
    // At most half a percent either way, and never to zero.
    const std::int64_t step = one.coefficient / 200 + 1;
    one.coefficient += static_cast<std::int64_t>(chance % static_cast<std::uint64_t>(2 * step + 1));
    one.coefficient -= step;
    if (one.coefficient < 1'000) one.coefficient += 2 * step + 1'000;
    capture_.clear();
    for (std::uint64_t part = 0; part < 4; ++part) {
        fmt::format_to(std::back_inserter(capture_), "{:016x}", mixed(chance, part));
    }
    Record record;
    record.instrument = record.name = one.name;
    record.price = *Decimal::from_parts(one.coefficient, one.scale);
    record.currency = "USD";
    record.slot = kFirstSlot + 5min * slot;
    record.observed_at = *record.slot + std::chrono::microseconds((chance >> 20) % 4'000'000);
    record.source = "coinmarketcap";
    record.rule = "price-class";
    record.capture = capture_;
    one.sum += one.coefficient;
    if (!least_ || record.price < *least_) least_ = record.price;
    if (!greatest_ || record.price > *greatest_) greatest_ = record.price;
    return record;
}

Decimal MarketWalk::sum() const {
    Decimal sum;
    for (const Instrument& one : instruments_) {
        sum = *Decimal::sum(sum, *Decimal::from_parts(one.sum, one.scale));
    }
    return sum;
}

}  // namespace tapedeck
