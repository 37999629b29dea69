#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/decimal.h"
#include "base/time.h"
#include "market/record.h"

namespace tapedeck {

// Prices of some instruments that wander from slot to slot, with as many digits each as sites show
// for them: the same seed gives the same rows everywhere.
class MarketWalk {
public:
    MarketWalk(int instruments, std::uint64_t seed);

    // The row-th price: all instruments of a slot after one another, a slot every five minutes.
    // The texts live until the next call.
    Record next();

    // What was given so far, to be held against a table.
    std::int64_t rows() const { return row_; }
    Decimal sum() const;
    Decimal least() const { return *least_; }
    Decimal greatest() const { return *greatest_; }

private:
    struct Instrument {
        std::string name;
        int scale;                 // digits after the point
        std::int64_t coefficient;  // price = coefficient * 10^-scale
        Int128 sum;
    };

    std::vector<Instrument> instruments_;
    const std::uint64_t seed_;
    std::int64_t row_ = 0;
    std::string capture_;
    std::optional<Decimal> least_;
    std::optional<Decimal> greatest_;
};

}  // namespace tapedeck
