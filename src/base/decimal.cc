#include "base/decimal.h"

#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "base/ascii.h"

namespace tapedeck {
namespace {

__extension__ using UInt128 = unsigned __int128;

constexpr int kMaxDigits = 38;
constexpr int kMaxScale = 38;

constexpr auto kPowers = [] {
    std::array<UInt128, kMaxDigits + 1> powers{};
    powers[0] = 1;
    for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
    return powers;
}();
constexpr UInt128 kLimit = kPowers[kMaxDigits];  // one more than the largest coefficient

constexpr UInt128 power(int exponent) { return kPowers[static_cast<std::size_t>(exponent)]; }

constexpr UInt128 magnitude(Int128 value) {
    return value < 0 ? -static_cast<UInt128>(value) : static_cast<UInt128>(value);
}

constexpr Int128 with_sign(UInt128 value, bool negative) {
    return negative ? -static_cast<Int128>(value) : static_cast<Int128>(value);
}

Error not_a_number(std::string_view text) {
    return {ErrorKind::malformed, "not a decimal number: " + in_quotes(text)};
}

Error too_large(std::string_view text) {
    return {ErrorKind::rejected,
            "needs more than 38 digits, or 38 after the point: " + in_quotes(text)};
}

// What a text of the grammar says: digits * 10^-scale, where scale may be anything.
struct Parts {
    UInt128 digits = 0;
    bool negative = false;
    bool fits = true;  // false: more than 38 significant digits
    std::int64_t scale = 0;
};

// Reads the exponent's digits; what is beyond a million is all the same, as no scale reaches it.
std::optional<std::int64_t> read_exponent(const char* at, const char* end) {
    if (at == end) return std::nullopt;
    const bool negative = *at == '-';
    if (*at == '-' || *at == '+') ++at;
    if (at == end) return std::nullopt;
    std::int64_t value = 0;
    for (; at != end; ++at) {
        if (!is_digit(*at)) return std::nullopt;
        if (value < 1'000'000) value = value * 10 + (*at - '0');
    }
    return negative ? -value : value;
}

// The whole grammar, any length.
std::optional<Parts> read_parts(std::string_view text) {
    Parts parts;
    const char* at = text.data();
    const char* const end = at + text.size();
    if (at != end && (*at == '-' || *at == '+')) parts.negative = *at++ == '-';
    const auto add = [&parts](char digit) {
        if (parts.digits >= kLimit / 10) {
            parts.fits = false;
            return;
        }
        parts.digits = parts.digits * 10 + static_cast<unsigned>(digit - '0');
    };
    const char* const integer = at;
    for (; at != end && is_digit(*at); ++at) add(*at);
    bool any = at != integer;
    if (at != end && *at == '.') {
        const char* const fraction = ++at;
        for (; at != end && is_digit(*at); ++at) add(*at);
        parts.scale = at - fraction;
        if (parts.scale == 0) return std::nullopt;
        any = true;
    }
    if (!any) return std::nullopt;
    if (at == end) return parts;
    if (*at != 'e' && *at != 'E') return std::nullopt;
    const auto exponent = read_exponent(at + 1, end);
    if (!exponent) return std::nullopt;
    parts.scale -= *exponent;
    return parts;
}

// Unsigned, 256 bits, least limb first: large enough for 10^76, the largest product.
class Wide {
public:
    static Wide product(UInt128 left, UInt128 right) {
        const std::array<std::uint64_t, 2> a{low(left), high(left)};
        const std::array<std::uint64_t, 2> b{low(right), high(right)};
        Wide out;
        for (std::size_t i = 0; i < 2; ++i) {
            UInt128 carry = 0;
            for (std::size_t j = 0; j < 2; ++j) {
                carry += UInt128{a[i]} * b[j] + out.limbs_[i + j];
                out.limbs_[i + j] = low(carry);
                carry >>= 64U;
            }
            out.limbs_[i + 2] = low(carry);
        }
        return out;
    }

    void add(const Wide& other) {
        UInt128 carry = 0;
        for (std::size_t i = 0; i < limbs_.size(); ++i) {
            carry += UInt128{limbs_[i]} + other.limbs_[i];
            limbs_[i] = low(carry);
            carry >>= 64U;
        }
        TAPEDECK_ASSERT(carry == 0);
    }

    void subtract(const Wide& smaller) {
        std::uint64_t borrow = 0;
        for (std::size_t i = 0; i < limbs_.size(); ++i) {
            const UInt128 difference = UInt128{limbs_[i]} - smaller.limbs_[i] - borrow;
            limbs_[i] = low(difference);
            borrow = high(difference) == 0 ? 0 : 1;
        }
        TAPEDECK_ASSERT(borrow == 0);
    }

    bool operator<(const Wide& other) const {
        for (std::size_t i = limbs_.size(); i-- > 0;) {
            if (limbs_[i] != other.limbs_[i]) return limbs_[i] < other.limbs_[i];
        }
        return false;
    }

    // Takes off the last digit where it is a zero.
    bool drop_zero() {
        Wide quotient;
        UInt128 rest = 0;
        for (std::size_t i = limbs_.size(); i-- > 0;) {
            rest = (rest << 64U) | limbs_[i];
            quotient.limbs_[i] = low(rest / 10);
            rest %= 10;
        }
        if (rest != 0) return false;
        *this = quotient;
        return true;
    }

    std::optional<UInt128> narrow() const {
        if (limbs_[2] != 0 || limbs_[3] != 0) return std::nullopt;
        const UInt128 value = (UInt128{limbs_[1]} << 64U) | limbs_[0];
        if (value >= kLimit) return std::nullopt;
        return value;
    }

private:
    static std::uint64_t low(UInt128 value) { return static_cast<std::uint64_t>(value); }
    static std::uint64_t high(UInt128 value) { return static_cast<std::uint64_t>(value >> 64U); }

    std::array<std::uint64_t, 4> limbs_{};
};

// The exact result of an operation, with as few trailing zeros given up as make it fit.
Result<Decimal> fitted(Wide value, bool negative, int scale, std::string_view operation,
                       const Decimal& left, const Decimal& right) {
    std::optional<UInt128> narrow = value.narrow();
    while (!narrow || scale > kMaxScale) {
        if (scale == 0 || !value.drop_zero()) {
            return Error{ErrorKind::rejected, left.to_string() + std::string(operation) +
                                                  right.to_string() + " needs more than 38 digits"};
        }
        --scale;
        narrow = value.narrow();
    }
    return Decimal::from_parts(with_sign(*narrow, negative), scale);
}

Result<Decimal> added(const Decimal& left, const Decimal& right, bool negate_right,
                      std::string_view operation) {
    const int scale = std::max(left.scale(), right.scale());
    Wide a = Wide::product(magnitude(left.coefficient()), power(scale - left.scale()));
    Wide b = Wide::product(magnitude(right.coefficient()), power(scale - right.scale()));
    const bool right_negative = right.is_negative() != negate_right;
    if (left.is_negative() == right_negative) {
        a.add(b);
        return fitted(a, left.is_negative(), scale, operation, left, right);
    }
    if (a < b) {
        b.subtract(a);
        return fitted(b, right_negative, scale, operation, left, right);
    }
    a.subtract(b);
    return fitted(a, left.is_negative(), scale, operation, left, right);
}

// Whether a quotient whose division left `rest` of `divisor` moves one away from zero.
bool moves_away(Rounding mode, bool negative, bool odd, UInt128 rest, UInt128 divisor) {
    if (rest == 0) return false;
    switch (mode) {
        case Rounding::half_even:
            return rest * 2 > divisor || (rest * 2 == divisor && odd);
        case Rounding::half_up:
            return rest * 2 >= divisor;
        case Rounding::down:
            return false;
        case Rounding::up:
            return true;
        case Rounding::floor:
            return negative;
        case Rounding::ceiling:
            return !negative;
    }
    TAPEDECK_ASSERT(false);
}

constexpr auto kPairs = [] {
    std::array<char, 200> pairs{};
    for (std::size_t i = 0; i < 100; ++i) {
        pairs[2 * i] = static_cast<char>('0' + i / 10);
        pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
    return pairs;
}();

// Writes the digits of `value` so that they end at `end`; the place of the first.
char* write_digits(char* end, std::uint64_t value) {
    while (value >= 100) {
        end -= 2;
        std::memcpy(end, &kPairs[2 * (value % 100)], 2);
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        std::memcpy(end, &kPairs[2 * value], 2);
        return end;
    }
    *--end = static_cast<char>('0' + value);
    return end;
}

char* write_digits(char* end, UInt128 value) {
    constexpr UInt128 kChunk = 10'000'000'000'000'000'000U;  // 10^19, the most a 64-bit word holds
    while (value > UINT64_MAX) {
        char* const first = end - 19;
        end = write_digits(end, static_cast<std::uint64_t>(value % kChunk));
        while (end != first) *--end = '0';
        value /= kChunk;
    }
    return write_digits(end, static_cast<std::uint64_t>(value));
}

}  // namespace

Result<Decimal> Decimal::parse(std::string_view text) {
    // Up to 19 characters of digits and one point: what nearly every price is, in one 64-bit word.
    if (!text.empty() && text.size() <= 19) [[likely]] {
        const char* at = text.data();
        const char* const end = at + text.size();
        const bool negative = *at == '-';
        if (negative) ++at;
        std::uint64_t value = 0;
        const char* const integer = at;
        for (; at != end && is_digit(*at); ++at) {
            value = value * 10 + static_cast<unsigned>(*at - '0');
        }
        if (at == end && at != integer) return Decimal(with_sign(value, negative), 0);
        if (at != end && *at == '.') {
            const char* const fraction = ++at;
            for (; at != end && is_digit(*at); ++at) {
                value = value * 10 + static_cast<unsigned>(*at - '0');
            }
            if (at == end && at != fraction) {
                return Decimal(with_sign(value, negative),
                               static_cast<std::uint8_t>(end - fraction));
            }
        }
    }
    const auto parts = read_parts(text);
    if (!parts) return not_a_number(text);
    if (!parts->fits || parts->scale > kMaxScale) return too_large(text);
    if (parts->scale >= 0) {
        return Decimal(with_sign(parts->digits, parts->negative),
                       static_cast<std::uint8_t>(parts->scale));
    }
    if (parts->digits == 0) return Decimal();
    if (parts->scale < -kMaxDigits) return too_large(text);
    const UInt128 factor = power(static_cast<int>(-parts->scale));
    if (parts->digits > (kLimit - 1) / factor) return too_large(text);
    return Decimal(with_sign(parts->digits * factor, parts->negative), 0);
}

Result<Decimal> Decimal::from_parts(Int128 coefficient, int scale) {
    if (scale < 0 || scale > kMaxScale || magnitude(coefficient) >= kLimit) {
        return Error{ErrorKind::rejected, "no decimal of 38 digits has these parts, with scale " +
                                              std::to_string(scale)};
    }
    return Decimal(coefficient, static_cast<std::uint8_t>(scale));
}

void Decimal::append_to(std::string& out) const {
    std::array<char, 48> buffer;  // sign, "0", point, 38 digits
    char* const end = buffer.data() + buffer.size();
    char* at = end;
    const UInt128 digits = magnitude(coefficient_);
    if (scale_ == 0) {
        at = write_digits(at, digits);
    } else {
        at = write_digits(at, digits);
        char* const point = end - scale_;
        while (at >= point) *--at = '0';  // zeros before the first digit, one before the point
        std::memmove(at - 1, at, static_cast<std::size_t>(point - at));
        --at;
        *(point - 1) = '.';
    }
    if (coefficient_ < 0) *--at = '-';
    out.append(at, static_cast<std::size_t>(end - at));
}

std::string Decimal::to_string() const {
    std::string out;
    append_to(out);
    return out;
}

Result<Decimal> Decimal::rounded(int scale, Rounding mode) const {
    if (scale < 0 || scale > kMaxScale) {
        return Error{ErrorKind::rejected, "no scale to round to: " + std::to_string(scale)};
    }
    if (scale >= scale_) {
        const UInt128 factor = power(scale - scale_);
        if (magnitude(coefficient_) > (kLimit - 1) / factor) {
            return Error{ErrorKind::rejected, to_string() + " with " + std::to_string(scale) +
                                                  " digits after the point needs more than 38"};
        }
        return Decimal(coefficient_ * static_cast<Int128>(factor),
                       static_cast<std::uint8_t>(scale));
    }
    const UInt128 divisor = power(scale_ - scale);
    const UInt128 digits = magnitude(coefficient_);
    UInt128 quotient = digits / divisor;
    const bool odd = (quotient & 1U) != 0;
    if (moves_away(mode, coefficient_ < 0, odd, digits % divisor, divisor)) ++quotient;
    return Decimal(with_sign(quotient, coefficient_ < 0), static_cast<std::uint8_t>(scale));
}

Decimal Decimal::normalized() const {
    Decimal out = *this;
    while (out.scale_ > 0 && out.coefficient_ % 10 == 0) {
        out.coefficient_ /= 10;
        --out.scale_;
    }
    return out;
}

Result<Decimal> Decimal::sum(const Decimal& left, const Decimal& right) {
    return added(left, right, false, " + ");
}

Result<Decimal> Decimal::difference(const Decimal& left, const Decimal& right) {
    return added(left, right, true, " - ");
}

Result<Decimal> Decimal::product(const Decimal& left, const Decimal& right) {
    return fitted(Wide::product(magnitude(left.coefficient_), magnitude(right.coefficient_)),
                  left.is_negative() != right.is_negative(), left.scale_ + right.scale_, " * ",
                  left, right);
}

std::strong_ordering operator<=>(const Decimal& left, const Decimal& right) {
    if (left.scale_ == right.scale_) return left.coefficient_ <=> right.coefficient_;
    if (left.scale_ > right.scale_) return 0 <=> (right <=> left);
    // The finer one is cut to the scale of the coarser, and what was cut breaks a tie.
    const auto divisor = static_cast<Int128>(power(right.scale_ - left.scale_));
    const Int128 whole = right.coefficient_ / divisor;
    if (left.coefficient_ != whole) return left.coefficient_ <=> whole;
    return Int128{0} <=> right.coefficient_ % divisor;
}

}  // namespace tapedeck
