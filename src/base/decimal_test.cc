#include "base/decimal.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <boost/multiprecision/cpp_int.hpp>
#include <cctype>

namespace tapedeck {

void PrintTo(const Decimal& decimal, std::ostream* out) { *out << decimal.to_string(); }
static void showValue(const Decimal& decimal, std::ostream& out) { out << decimal.to_string(); }

namespace {

using boost::multiprecision::cpp_int;
using boost::multiprecision::cpp_rational;

constexpr std::string_view kNines = "99999999999999999999999999999999999999";  // 38

Decimal of(std::string_view text) {
    auto parsed = Decimal::parse(text);
    EXPECT_TRUE(parsed) << text << ": " << parsed.error().what;
    return *parsed;
}

ErrorKind kind_of(std::string_view text) {
    const auto parsed = Decimal::parse(text);
    EXPECT_FALSE(parsed) << text;
    return parsed ? ErrorKind::corrupt : parsed.error().kind;
}

// The oracle: integers and fractions of any size, by Boost.
cpp_int big(Int128 value) {
    const bool negative = value < 0;
    __extension__ using UInt128 = unsigned __int128;
    const UInt128 digits = negative ? -static_cast<UInt128>(value) : static_cast<UInt128>(value);
    cpp_int out = static_cast<std::uint64_t>(digits >> 64U);
    out = (out << 64U) + static_cast<std::uint64_t>(digits);
    return negative ? cpp_int(-out) : out;
}

cpp_int ten_to(int exponent) {
    return boost::multiprecision::pow(cpp_int(10), static_cast<unsigned>(exponent));
}

cpp_rational exact(const Decimal& decimal) {
    return cpp_rational(big(decimal.coefficient()), ten_to(decimal.scale()));
}

bool fits(const cpp_int& coefficient) { return abs(coefficient) < ten_to(38); }

// Whether 38 digits, 38 of them after the point, hold the value.
bool holds(const cpp_rational& value) {
    for (int scale = 0; scale <= 38; ++scale) {
        const cpp_rational scaled = value * ten_to(scale);
        if (denominator(scaled) == 1) return fits(numerator(scaled));
    }
    return false;
}

// Decimals of all sizes: the number of digits is drawn first.
rc::Gen<Decimal> decimals() {
    const auto parts = rc::gen::tuple(
        rc::gen::inRange(0, 39), rc::gen::inRange(0, 39), rc::gen::arbitrary<std::uint64_t>(),
        rc::gen::arbitrary<std::uint64_t>(), rc::gen::arbitrary<bool>(), rc::gen::inRange(0, 12));
    return rc::gen::map(parts, [](const auto& drawn) {
        const auto& [digits, scale, high, low, negative, zeros] = drawn;
        cpp_int value = ((cpp_int(high) << 64U) + low) % ten_to(digits);
        value -= value % ten_to(std::min(zeros, digits));  // ends in zeros now and then
        const std::string text = (negative ? "-" : "") + value.str() + "e-" + std::to_string(scale);
        return *Decimal::parse(text);
    });
}

TEST(Decimal, KeepsEveryDigitAsWritten) {
    for (const std::string_view text :
         {"22470.52", "0.07441", "1234.56", "0.00001234", "0.000000000000000001",
          "1000000000000000", "1000000000000000.000000000000000001", "22.50", "0", "0.000", "-0.5",
          "1234567890123456789", "12345678901234567890", "18446744073709551616",
          "99999999999999999999999999999999999999", "0.99999999999999999999999999999999999999",
          "0.00000000000000000000000000000000000001", "-1.0000000000000000000000000000000000000",
          "10000000000000000000000000000.00000000"}) {
        EXPECT_EQ(of(text).to_string(), text);
    }
}

TEST(Decimal, ReadsTheWholeGrammar) {
    EXPECT_EQ(of(".5").to_string(), "0.5");
    EXPECT_EQ(of("+1").to_string(), "1");
    EXPECT_EQ(of("-.50").to_string(), "-0.50");
    EXPECT_EQ(of("1.2e-7").to_string(), "0.00000012");
    EXPECT_EQ(of("1.2e-7").scale(), 8);
    EXPECT_EQ(of("1e3").to_string(), "1000");
    EXPECT_EQ(of("1E+3").scale(), 0);
    EXPECT_EQ(of("1.50e1").to_string(), "15.0");
    EXPECT_EQ(of("1.50e4").to_string(), "15000");
    EXPECT_EQ(of("12e00000000000000000000000000000000000000000").to_string(), "12");
    EXPECT_EQ(of("0e999999999999999999999999").to_string(), "0");
    EXPECT_EQ(of("-0").to_string(), "0");
    EXPECT_EQ(of("0000000000000000000000000000000000000000000000012.5").to_string(), "12.5");
    EXPECT_EQ(of("1e37").to_string(), "10000000000000000000000000000000000000");
    EXPECT_EQ(of("0.0001e40").to_string(), "1000000000000000000000000000000000000");
}

TEST(Decimal, RefusesWhatIsNoNumber) {
    for (const std::string_view text : {"",
                                        "-",
                                        "+",
                                        ".",
                                        "-.",
                                        "5.",
                                        "1.e5",
                                        "1,234.56",
                                        " 1",
                                        "1 ",
                                        "1e",
                                        "1e+",
                                        "1e1.5",
                                        "--1",
                                        "+-1",
                                        "1.2.3",
                                        "0x10",
                                        "1_000",
                                        "NaN",
                                        "Infinity",
                                        "inf",
                                        "$1",
                                        "1f",
                                        "e5",
                                        ".e5",
                                        "\xE2\x88\x92"
                                        "1",
                                        "1\n",
                                        "12345678901234567890x",
                                        "99999999999999999999999999999999999999999x"}) {
        EXPECT_EQ(kind_of(text), ErrorKind::malformed) << text;
    }
    EXPECT_EQ(kind_of(std::string_view("1\0", 2)), ErrorKind::malformed);
}

TEST(Decimal, RefusesWhat38DigitsDoNotHoldAndNeverRounds) {
    for (const std::string_view text :
         {"100000000000000000000000000000000000000", "0.000000000000000000000000000000000000001",
          "999999999999999999999999999999999999990", "1.00000000000000000000000000000000000000",
          "0.0000000000000000000000000000000000000000", "1e38", "12e37", "1e-39", "10e-39",
          "1e99999999999999999999", "1e-99999999999999999999",
          "123456789012345678901234567890.123456789"}) {
        EXPECT_EQ(kind_of(text), ErrorKind::rejected) << text;
    }
}

TEST(Decimal, ErrorsShowTheValue) {
    EXPECT_EQ(Decimal::parse("12a").error().what, "not a decimal number: '12a'");
    EXPECT_NE(Decimal::parse("1\xFF\n").error().what.find("1\\xff\\x0a"), std::string::npos);
    EXPECT_LT(Decimal::parse(std::string(1'000'000, 'x')).error().what.size(), 200U);
}

TEST(Decimal, PartsOutOfRangeAreRefused) {
    const Int128 most = of(kNines).coefficient();
    EXPECT_EQ(Decimal::from_parts(most, 38)->to_string(), "0." + std::string(kNines));
    EXPECT_EQ(Decimal::from_parts(-most, 0)->to_string(), "-" + std::string(kNines));
    EXPECT_FALSE(Decimal::from_parts(most + 1, 0));
    EXPECT_FALSE(Decimal::from_parts(-most - 1, 0));
    EXPECT_FALSE(Decimal::from_parts(1, 39));
    EXPECT_FALSE(Decimal::from_parts(1, -1));
}

TEST(Decimal, ComparesByValue) {
    EXPECT_EQ(of("1.0"), of("1.00"));
    EXPECT_EQ(of("0"), of("-0.000"));
    EXPECT_LT(of("-1"), of("0.5"));
    EXPECT_LT(of("0.1"), of("0.10000000000000000000000000000000000001"));
    EXPECT_LT(of("-0.10000000000000000000000000000000000001"), of("-0.1"));
    EXPECT_GT(of(kNines), of("0." + std::string(kNines)));
    EXPECT_LT(of("-" + std::string(kNines)), of("-0." + std::string(kNines)));
}

TEST(Decimal, RoundsByTheNamedMode) {
    struct Case {
        std::string_view text;
        std::array<std::string_view, 6> expected;  // half_even, half_up, down, up, floor, ceiling
    };
    for (const Case& given : {
             Case{"2.5", {"2", "3", "2", "3", "2", "3"}},
             Case{"3.5", {"4", "4", "3", "4", "3", "4"}},
             Case{"-2.5", {"-2", "-3", "-2", "-3", "-3", "-2"}},
             Case{"0.4", {"0", "0", "0", "1", "0", "1"}},
             Case{"-0.4", {"0", "0", "0", "-1", "-1", "0"}},
             Case{"2.51", {"3", "3", "2", "3", "2", "3"}},
             Case{"7", {"7", "7", "7", "7", "7", "7"}},
             Case{"0.99999999999999999999999999999999999999", {"1", "1", "0", "1", "0", "1"}},
         }) {
        for (std::size_t mode = 0; mode < given.expected.size(); ++mode) {
            EXPECT_EQ(of(given.text).rounded(0, static_cast<Rounding>(mode))->to_string(),
                      given.expected[mode])
                << given.text << " in mode " << mode;
        }
    }
    EXPECT_EQ(of("1.5").rounded(4, Rounding::down)->to_string(), "1.5000");
    EXPECT_FALSE(of(kNines).rounded(1, Rounding::down));
    EXPECT_FALSE(of("1.5").rounded(-1, Rounding::down));
    EXPECT_FALSE(of("1.5").rounded(39, Rounding::down));
}

TEST(Decimal, ResultsGiveUpTrailingZerosBeforeTheyAreRefused) {
    const std::string many = "1" + std::string(37, '0');
    EXPECT_EQ(Decimal::sum(of(many), of("0.00"))->to_string(), many);
    EXPECT_EQ(
        Decimal::product(of("0.00000000000000000002"), of("0.0000000000000000005"))->to_string(),
        "0.00000000000000000000000000000000000001");
    EXPECT_EQ(Decimal::sum(of("1.25"), of("1.75"))->to_string(), "3.00");
    EXPECT_EQ(Decimal::sum(of(kNines), of("1")).error().kind, ErrorKind::rejected);
    EXPECT_EQ(Decimal::sum(of(kNines), of("0.1")).error().kind, ErrorKind::rejected);
    EXPECT_EQ(Decimal::product(of(kNines), of(kNines)).error().kind, ErrorKind::rejected);
    EXPECT_EQ(Decimal::difference(of(kNines), of(kNines))->to_string(), "0");
}

RC_GTEST_PROP(DecimalProperty, ParsingWhatWasWrittenGivesTheSameDigitsAndScale, ()) {
    const Decimal given = *decimals();
    const Decimal read = of(given.to_string());
    RC_ASSERT(read.coefficient() == given.coefficient());
    RC_ASSERT(read.scale() == given.scale());
}

RC_GTEST_PROP(DecimalProperty, TextIsThatOfAnIndependentInteger, ()) {
    const Decimal given = *decimals();
    std::string digits = cpp_int(abs(big(given.coefficient()))).str();
    const auto scale = static_cast<std::size_t>(given.scale());
    if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
    if (scale > 0) digits.insert(digits.size() - scale, ".");
    RC_ASSERT(given.to_string() == (given.is_negative() ? "-" : "") + digits);
}

RC_GTEST_PROP(DecimalProperty, OrderIsThatOfExactFractions, ()) {
    const Decimal left = *decimals();
    // Half of the pairs are near each other, where the order is hard.
    const Decimal right = *rc::gen::oneOf(decimals(), rc::gen::just(left.normalized()));
    const cpp_rational a = exact(left);
    const cpp_rational b = exact(right);
    RC_ASSERT((left < right) == (a < b));
    RC_ASSERT((left == right) == (a == b));
    RC_ASSERT((left > right) == (a > b));
    RC_ASSERT((right < left) == (b < a));
}

RC_GTEST_PROP(DecimalProperty, NormalizedIsTheSameValueWithoutTrailingZeros, ()) {
    const Decimal given = *decimals();
    const Decimal normal = given.normalized();
    RC_ASSERT(normal == given);
    RC_ASSERT(normal.scale() == 0 || normal.coefficient() % 10 != 0);
}

RC_GTEST_PROP(DecimalProperty, RoundingIsThatOfExactFractions, ()) {
    const Decimal given = *decimals();
    const int scale = *rc::gen::inRange(0, 39);
    const auto mode = static_cast<Rounding>(*rc::gen::inRange(0, 6));
    const cpp_rational scaled = exact(given) * ten_to(scale);
    // Rounded to an integer through floor(), which no branch of the implementation uses.
    const auto floor_of = [](const cpp_rational& value) {
        cpp_int quotient = numerator(value) / denominator(value);
        if (value < 0 && quotient * denominator(value) != numerator(value)) --quotient;
        return quotient;
    };
    const auto ceiling_of = [&](const cpp_rational& value) {
        return cpp_int(-floor_of(cpp_rational(-value)));
    };
    const cpp_rational half(1, 2);
    const cpp_int lower = floor_of(cpp_rational(scaled + half));    // ties go up
    const cpp_int upper = ceiling_of(cpp_rational(scaled - half));  // ties go down
    cpp_int expected;
    switch (mode) {
        case Rounding::floor:
            expected = floor_of(scaled);
            break;
        case Rounding::ceiling:
            expected = ceiling_of(scaled);
            break;
        case Rounding::down:
            expected = scaled < 0 ? ceiling_of(scaled) : floor_of(scaled);
            break;
        case Rounding::up:
            expected = scaled < 0 ? floor_of(scaled) : ceiling_of(scaled);
            break;
        case Rounding::half_up:
            expected = scaled < 0 ? upper : lower;
            break;
        case Rounding::half_even:
            expected = lower % 2 == 0 ? lower : upper;
            break;
    }
    const auto rounded = given.rounded(scale, mode);
    RC_ASSERT(rounded.has_value() == fits(expected));
    if (!rounded) return;
    RC_ASSERT(rounded->scale() == scale);
    RC_ASSERT(big(rounded->coefficient()) == expected);
}

RC_GTEST_PROP(DecimalProperty, ArithmeticIsThatOfExactFractionsOrIsRefused, ()) {
    const Decimal left = *decimals();
    const Decimal right = *decimals();
    const auto check = [](const Result<Decimal>& result, const cpp_rational& expected) {
        RC_ASSERT(result.has_value() == holds(expected));
        if (result) RC_ASSERT(exact(*result) == expected);
        if (!result) RC_ASSERT(result.error().kind == ErrorKind::rejected);
    };
    check(Decimal::sum(left, right), exact(left) + exact(right));
    check(Decimal::difference(left, right), exact(left) - exact(right));
    check(Decimal::product(left, right), exact(left) * exact(right));
}

// Any text of the alphabet that numbers are written in: read exactly when the grammar, put down
// here a second time as a state machine, has it.
RC_GTEST_PROP(DecimalProperty, AcceptsTheGrammarAndNothingElse, ()) {
    const auto text =
        *rc::gen::container<std::string>(rc::gen::elementOf(std::string("0123456789....eE+--- ,")));
    enum { start, sign, whole, point, fraction, e, e_sign, exponent, wrong } state = start;
    for (const char c : text) {
        const bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
        const bool plus_minus = c == '+' || c == '-';
        const bool starts_exponent = c == 'e' || c == 'E';
        switch (state) {
            case start:
                state = plus_minus ? sign : digit ? whole : c == '.' ? point : wrong;
                break;
            case sign:
                state = digit ? whole : c == '.' ? point : wrong;
                break;
            case whole:
                state = digit ? whole : c == '.' ? point : starts_exponent ? e : wrong;
                break;
            case point:
                state = digit ? fraction : wrong;
                break;
            case fraction:
                state = digit ? fraction : starts_exponent ? e : wrong;
                break;
            case e:
                state = plus_minus ? e_sign : digit ? exponent : wrong;
                break;
            case e_sign:
            case exponent:
                state = digit ? exponent : wrong;
                break;
            case wrong:
                break;
        }
    }
    const bool grammatical = state == whole || state == fraction || state == exponent;
    const auto parsed = Decimal::parse(text);
    RC_ASSERT(grammatical == (parsed || parsed.error().kind == ErrorKind::rejected));
}

}  // namespace
}  // namespace tapedeck
