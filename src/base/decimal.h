#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tapedeck {

__extension__ using Int128 = __int128;

// How `rounded` treats the digits that it drops.
enum class Rounding { half_even, half_up, down, up, floor, ceiling };

// An exact decimal: coefficient * 10^-scale, at most 38 digits, scale 0 to 38, kept as it was
// written: "22.50" has scale 2 and prints as "22.50". Compares by value: 1.0 == 1.00. Nothing here
// rounds unless asked, and nothing passes through float or double.
class Decimal {
public:
    constexpr Decimal() = default;

    // Reads [+-]digits[.digits][(e|E)[+-]digits]: "22470.52", ".5", "1.2e-7" (which becomes
    // 0.00000012, scale 8), "1e3" (1000, scale 0). `malformed` on anything else, thousands
    // separators and blanks included; `rejected` where 38 digits do not hold it: never rounded.
    static Result<Decimal> parse(std::string_view text);

    // coefficient * 10^-scale; `rejected` beyond 38 digits or scale 38.
    static Result<Decimal> from_parts(Int128 coefficient, int scale);

    constexpr Int128 coefficient() const { return coefficient_; }
    constexpr int scale() const { return scale_; }
    constexpr bool is_negative() const { return coefficient_ < 0; }
    constexpr bool is_zero() const { return coefficient_ == 0; }
    constexpr bool is_positive() const { return coefficient_ > 0; }

    // All digits, no exponent: "-0.00001234". parse(to_string()) gives the same digits and scale.
    std::string to_string() const;
    void append_to(std::string& out) const;

    // To `scale` digits after the point; adds zeros where there are fewer. `rejected` on overflow.
    Result<Decimal> rounded(int scale, Rounding mode) const;

    // The value without trailing zeros after the point: 1.500 -> 1.5.
    Decimal normalized() const;

    // Exact; `rejected` where 38 digits do not hold the result.
    static Result<Decimal> sum(const Decimal& left, const Decimal& right);
    static Result<Decimal> difference(const Decimal& left, const Decimal& right);
    static Result<Decimal> product(const Decimal& left, const Decimal& right);

    friend std::strong_ordering operator<=>(const Decimal& left, const Decimal& right);
    friend bool operator==(const Decimal& left, const Decimal& right) {
        return (left <=> right) == std::strong_ordering::equal;
    }

private:
    constexpr Decimal(Int128 coefficient, std::uint8_t scale)
        : coefficient_(coefficient), scale_(scale) {}

    Int128 coefficient_ = 0;
    std::uint8_t scale_ = 0;
};

}  // namespace tapedeck
