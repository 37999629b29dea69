#include "sources/trust.h"

#include <fmt/format.h>

#include <vector>

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr auto kOneMoment = 1h;
constexpr int kCutShare = 100;           // of the price: what digits that are missing may cost
constexpr int kContradictionShare = 10;  // more than time explains between two places of a page

Decimal times(const Decimal& value, int factor) {
    const auto product = Decimal::product(value, *Decimal::from_parts(factor, 0));
    return product ? *product : value;
}

// How far apart; nothing where 38 digits do not hold it.
std::optional<Decimal> distance(const Price& left, const Price& right) {
    const auto gap =
        left < right ? Decimal::difference(right, left) : Decimal::difference(left, right);
    return gap ? std::optional(*gap) : std::nullopt;
}

bool comparable(const Reading& left, const Reading& right) {
    if (!left.currency.empty() && !right.currency.empty() && left.currency != right.currency) {
        return false;
    }
    if (!left.as_of || !right.as_of) return true;
    return *left.as_of - *right.as_of <= kOneMoment && *right.as_of - *left.as_of <= kOneMoment;
}

// Whether `coarse` is `fine` with digits left out, and less of a price for it. One unit of its last
// place is what rounding, cutting and the moment between them make.
bool is_cut(const Reading& coarse, const Reading& fine) {
    if (fine.price.normalized().scale() <= coarse.price.scale()) return false;
    const auto gap = distance(coarse.price, fine.price);
    const auto unit = Decimal::from_parts(1, coarse.price.scale());
    return gap && unit && *gap <= *unit && times(*gap, kCutShare) > fine.price;
}

bool contradict(const Reading& left, const Reading& right) {
    const auto gap = distance(left.price, right.price);
    return gap && times(*gap, kContradictionShare) > std::min(left.price, right.price);
}

std::string named(const Reading& reading) {
    return fmt::format("{} ({})", reading.price.to_string(), reading.rule);
}

}  // namespace

std::variant<std::size_t, std::string> trusted_reading(std::span<const Reading> readings) {
    std::vector<std::size_t> whole;
    for (std::size_t i = 0; i < readings.size(); ++i) {
        bool cut = false;
        for (const Reading& other : readings) {
            cut = cut || (comparable(readings[i], other) && is_cut(readings[i], other));
        }
        if (!cut) whole.push_back(i);
    }
    std::string why;
    for (const std::size_t i : whole) {
        int balance = 0;  // of those that agree with it and those that contradict it
        const Reading* against = nullptr;
        for (const std::size_t j : whole) {
            if (!comparable(readings[i], readings[j])) continue;
            const bool contradicts = contradict(readings[i], readings[j]);
            balance += contradicts ? -1 : 1;  // it agrees with itself
            if (contradicts) against = &readings[j];
        }
        if (against == nullptr || balance > 0) return i;
        if (why.empty()) {
            why = fmt::format("the page gives two prices that contradict one another: {} and {}",
                              named(readings[i]), named(*against));
        }
    }
    return why;
}

}  // namespace tapedeck
