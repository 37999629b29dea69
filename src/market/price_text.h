#pragma once

#include <string>
#include <string_view>

#include "base/decimal.h"

namespace tapedeck {

// Which sign stands before the fraction. A text alone cannot tell ("1,234"), so a rule says it.
enum class DecimalMark { point, comma };

// A price as a page displays it.
struct ShownPrice {
    Decimal price;
    // The currency as shown: "USD", "GBp", "US$", "€", "kr"; a code where there are both a sign and
    // a code; empty where there is none. Points into the text that was parsed. "$" alone names no
    // currency: see currency_of_sign.
    std::string_view currency;
};

// Reads one displayed price and nothing beside it, and keeps its digits, trailing zeros included:
// "$22,470.52", "US$ 12", "-12.30 USD", "$0.00001234", "1.2e-7"; "1'234.50"; with the comma as mark
// "€1.234,56", "1 234,56 kr". Blanks around it are taken off, HTML's and Unicode's.
//
// - Minus is '-' or U+2212, before or after the currency's sign.
// - Groups are of three digits, the first of one to three and not 0, all parted by the same sign:
//   a comma (point as mark), a point (comma as mark), an apostrophe or U+2019, a no-break, thin or
//   figure blank; an ordinary blank only with the comma as mark, since in "5 120.25" it more often
//   parts two numbers. Those of India are read where commas part them: 12,34,567.
// - A dash may stand for the fraction: "1 099,- kr", "CHF 1'234.–".
// - Subscript zeros, as coin sites show tiny prices: in "$0.0₅1234" the small digit (U+2080 to
//   U+2089, one or more) counts the zeros after the point: 0.000001234. Pages write it as
//   <sub>5</sub>; whoever collects an element's text must pass that through `subscript_digits`, as
//   its plain text "0.051234" is another price.
// - A currency is a sign ("$", "US$", "€", "R$"), three to five capitals ("USD", "USDT"), or one of
//   a few known names ("GBp", "kr", "zł"), before or after the number.
//
// `malformed` for anything else: "", "—", "N/A", "1,23.4", "0,123", "12.", "Rs.500", "1.2M", "12%",
// "< 0.01", "3-4"; `rejected` beyond 38 digits. Zero and negative prices are read: the caller
// judges.
Result<ShownPrice> parse_shown_price(std::string_view text, DecimalMark mark);

// The price alone.
Result<Decimal> parse_price_text(std::string_view text, DecimalMark mark);

// ASCII digits as U+2080 to U+2089; anything else as it is.
std::string subscript_digits(std::string_view digits);

// The ISO 4217 code of a sign that stands for one currency alone ("€" EUR, "US$" USD, "£" GBP), of
// a code itself and of names ("GBp" stays, as it is pence). Empty for "$", "¥", "kr" and whatever
// else several countries use.
std::string_view currency_of_sign(std::string_view sign);

// Whether a price shown with `sign` may be in `currency` (a code): "$" in USD, CAD, MXN and other
// dollars and pesos, "¥" in JPY and CNY, "kr" in SEK, NOK, DKK and ISK, but "£" not in GBp, which
// is pence. True where nothing is known of the sign, or where either is empty.
bool sign_may_be(std::string_view sign, std::string_view currency);

}  // namespace tapedeck
