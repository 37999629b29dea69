#include "market/price_text.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "base/utf8.h"
#include "base/words.h"

namespace tapedeck {
namespace {

constexpr std::size_t kLongestText = 160;
constexpr std::size_t kLongestWithBlanks = 4096;

// U+2080 to U+2089 is E2 82 80 to E2 82 89.
constexpr std::string_view kSubscriptLead = "\xE2\x82";

constexpr bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_letter(char c) { return is_capital(c) || (c >= 'a' && c <= 'z'); }

template <std::size_t N>
using Texts = std::array<std::string_view, N>;

// Blanks that may part groups of digits: no-break, figure, thin, narrow no-break.
constexpr Texts<4> kGroupBlanks{"\u00A0", "\u2007", "\u2009", "\u202F"};

// What may stand around a price and means nothing: HTML's white space, the Unicode blanks, and
// zero-width and direction marks.
constexpr Texts<26> kBlanks{" ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\u0085",
                            "\u00A0", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005",
                            "\u2006", "\u2007", "\u2008", "\u2009", "\u200A", "\u200B", "\u200E",
                            "\u200F", "\u202F", "\u2060", "\u3000", "\uFEFF"};

constexpr Texts<16> kNamedCurrencies{"GBp", "GBX", "ZAc",  "kr", "kr.", "zł", "Kč",  "Ft",
                                     "лв",  "руб", "руб.", "Rp", "Rp.", "Rs", "Rs.", "Fr."};

// Three capitals that are a size or a mark and no currency.
constexpr Texts<12> kNoCurrencies{"MIO", "MLN", "MRD", "BLN",  "BIO",  "TRN",
                                  "TSD", "NAN", "INF", "NULL", "NONE", "MILL"};

template <std::size_t N>
bool contains(const Texts<N>& texts, std::string_view text) {
    return std::ranges::find(texts, text) != texts.end();
}

// The code point at the front; one byte where it is no UTF-8, so that loops end.
std::string_view first_character(std::string_view text) {
    return text.substr(0, std::max<std::size_t>(utf8_length(text), 1));
}

void skip_blanks(std::string_view& text) {
    while (!text.empty() && contains(kBlanks, first_character(text))) {
        text.remove_prefix(first_character(text).size());
    }
}

std::string_view without_blanks_around(std::string_view text) {
    skip_blanks(text);
    for (bool again = true; again;) {
        again = false;
        for (const std::string_view blank : kBlanks) {
            if (text.ends_with(blank)) {
                text.remove_suffix(blank.size());
                again = true;
            }
        }
    }
    return text;
}

bool take(std::string_view& text, std::string_view expected) {
    if (!text.starts_with(expected)) return false;
    text.remove_prefix(expected.size());
    return true;
}

std::size_t count_digits(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
}

// $ ¢ £ ¤ ¥, ฿, the block of currency signs U+20A0 to U+20CF (€ ₹ ₩ ₽ ₿ …), ﷼,
// and the wide forms.
bool is_currency_sign(std::string_view character) {
    if (character == "$" || character == "฿" || character == "﷼" || character == "＄") return true;
    if (character.size() == 2) return character >= "\u00A2" && character <= "\u00A5";
    if (character.size() != 3) return false;
    return (character >= "\u20A0" && character <= "\u20CF") ||
           (character >= "\uFFE0" && character <= "\uFFE6");
}

// "USD", "USDT", "GBp", "kr.", "€", "US$", "R$".
bool is_currency(std::string_view token) {
    if (token.empty() || token.size() > 12) return false;
    if (contains(kNamedCurrencies, token)) return true;
    if (std::ranges::all_of(token, is_capital)) {
        return token.size() >= 3 && token.size() <= 5 && !contains(kNoCurrencies, token);
    }
    bool sign = false;
    std::size_t letters = 0;
    while (!token.empty()) {
        const std::string_view character = first_character(token);
        if (!sign && is_currency_sign(character)) {
            sign = true;
        } else if (is_letter(character.front())) {
            ++letters;
        } else {
            return false;
        }
        token.remove_prefix(character.size());
    }
    return sign && letters <= 3;
}

bool is_code(std::string_view currency) {
    return currency.size() >= 3 && std::ranges::all_of(currency, is_letter);
}

// Takes a sign of plus or minus off the front; whether it was a minus, nothing where there is none.
std::optional<bool> take_sign(std::string_view& text) {
    if (take(text, "-") || take(text, "\u2212")) return true;
    if (take(text, "+")) return false;
    return std::nullopt;
}

// Where the currency before the number ends: at a digit, blank, sign, or a mark before a digit.
std::string_view take_currency_before(std::string_view& text) {
    std::size_t size = 0;
    while (size < text.size()) {
        const std::string_view rest = text.substr(size);
        const std::string_view character = first_character(rest);
        if (is_ascii_digit(rest.front()) || contains(kBlanks, character)) break;
        if (character == "-" || character == "+" || character == "\u2212") break;
        if ((rest.front() == '.' || rest.front() == ',') && rest.size() > 1 &&
            is_ascii_digit(rest[1])) {
            break;
        }
        size += character.size();
    }
    const std::string_view currency = text.substr(0, size);
    if (!is_currency(currency)) return {};
    text.remove_prefix(size);
    return currency;
}

// The sign that parts groups at the front of `text`, if three digits follow; else empty.
std::string_view group_sign(std::string_view text, DecimalMark mark) {
    std::string_view sign = first_character(text);
    const bool parts = sign == (mark == DecimalMark::point ? "," : ".") || sign == "'" ||
                       sign == "\u2019" || (sign == " " && mark == DecimalMark::comma) ||
                       contains(kGroupBlanks, sign);
    if (!parts || count_digits(text.substr(sign.size())) == 0) sign = {};
    return sign;
}

// Whether the groups behind the first sign are those of India: of two digits, the last of three.
bool has_indian_groups(std::string_view text, std::string_view sign) {
    int pairs = 0;
    while (take(text, sign)) {
        const std::size_t digits = count_digits(text);
        text.remove_prefix(digits);
        if (digits == 3) return pairs > 0 && !text.starts_with(sign);
        if (digits != 2) return false;
        ++pairs;
    }
    return false;
}

// Appends the digits before the mark to `plain`, without group signs; false where a group stands
// in a wrong place.
bool take_whole(std::string_view& text, DecimalMark mark, std::string& plain, bool& grouped) {
    const std::size_t leading = count_digits(text);
    plain += text.substr(0, leading);
    const bool zero = text.starts_with('0');
    text.remove_prefix(leading);
    if (leading == 0 || text.empty()) return true;
    const std::string_view sign = group_sign(text, mark);
    if (sign.empty()) return true;
    grouped = true;
    const bool indian = sign == "," && leading <= 2 && has_indian_groups(text, sign);
    if (leading > 3 || zero) return false;
    // A sign that no digit follows parts no groups: a blank before the currency.
    while (text.starts_with(sign) && count_digits(text.substr(sign.size())) > 0) {
        text.remove_prefix(sign.size());
        const std::size_t digits = count_digits(text);
        if (digits != 3 && !(indian && digits == 2)) return false;
        plain += text.substr(0, digits);
        text.remove_prefix(digits);
    }
    return true;
}

// The dash that stands for no fraction, as in "1 099,- kr", "CHF 12.–" and "12,--".
bool take_dash(std::string_view& text) {
    bool any = take(text, "\u2013") || take(text, "\u2014");
    while (take(text, "-")) any = true;
    return any && (text.empty() || !is_ascii_digit(text.front()));
}

// After "0.0": the zeros that small digits count, without the one that is written. False where
// they say nothing, or more than a Decimal holds.
bool take_subscript(std::string_view& text, std::string& plain) {
    std::size_t zeros = 0;
    while (text.size() >= 3 && text.starts_with(kSubscriptLead)) {
        const auto last = static_cast<unsigned char>(text[2]);
        if (last < 0x80 || last > 0x89) break;
        zeros = zeros * 10 + last - 0x80U;
        if (zeros > 38) return false;
        text.remove_prefix(3);
    }
    if (zeros == 0 || count_digits(text) == 0 || text.front() == '0') return false;
    plain.append(zeros - 1, '0');
    return true;
}

// Appends the number at the front of `text` to `plain` in Decimal's grammar.
bool take_number(std::string_view& text, DecimalMark mark, std::string& plain) {
    bool grouped = false;
    const std::size_t before = plain.size();
    if (!take_whole(text, mark, plain, grouped)) return false;
    bool any = plain.size() != before;
    const bool only_zero = std::string_view(plain).substr(before) == "0";
    if (take(text, mark == DecimalMark::point ? "." : ",")) {
        std::size_t digits = count_digits(text);
        if (digits == 0) return any && take_dash(text);
        plain += '.';
        const bool small = only_zero && digits == 1 && text.front() == '0' &&
                           text.substr(1).starts_with(kSubscriptLead);
        plain += text.substr(0, digits);
        text.remove_prefix(digits);
        if (small) {
            if (!take_subscript(text, plain)) return false;
            digits = count_digits(text);
            plain += text.substr(0, digits);
            text.remove_prefix(digits);
            grouped = true;  // no exponent after this
        }
        any = true;
    }
    if (!any) return false;
    if (!grouped && !text.empty() && (text.front() == 'e' || text.front() == 'E')) {
        std::string_view rest = text.substr(1);
        const bool negative = take_sign(rest).value_or(false);
        const std::size_t digits = count_digits(rest);
        if (digits == 0) return true;  // the E of "12EUR"
        plain += negative ? "e-" : "e";
        plain += rest.substr(0, digits);
        text = rest.substr(digits);
    }
    return true;
}

Error not_a_price(std::string_view text) {
    return {ErrorKind::malformed, "not a displayed price: " + in_quotes(text)};
}

constexpr auto kSigns = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"US$", "USD"}, {"U$S", "USD"}, {"€", "EUR"},   {"£", "GBP"},   {"A$", "AUD"}, {"AU$", "AUD"},
    {"C$", "CAD"},  {"CA$", "CAD"}, {"NZ$", "NZD"}, {"HK$", "HKD"}, {"S$", "SGD"}, {"NT$", "TWD"},
    {"R$", "BRL"},  {"MX$", "MXN"}, {"CN¥", "CNY"}, {"JP¥", "JPY"}, {"₹", "INR"},  {"₩", "KRW"},
    {"₽", "RUB"}, {"₺", "TRY"},   {"₴", "UAH"},   {"₫", "VND"},   {"₪", "ILS"},  {"₱", "PHP"},
    {"₦", "NGN"},   {"฿", "THB"},   {"zł", "PLN"},  {"Kč", "CZK"},  {"Ft", "HUF"}, {"Rp", "IDR"},
    {"Rp.", "IDR"}, {"₿", "BTC"},
});

// Signs that several currencies share, and those.
constexpr auto kSharedSigns = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"$",
     "USD CAD AUD NZD HKD SGD TWD MXN ARS CLP COP BRL JMD BSD BBD BMD BZD FJD GYD KYD LRD NAD "
     "SBD SRD TTD XCD USDT USDC DAI BUSD TUSD FDUSD USDE PYUSD"},
    {"¥", "JPY CNY CNH"},
    {"￥", "JPY CNY CNH"},
    {"£", "GBP EGP SYP SDG SSP FKP GIP SHP LBP"},
    {"kr", "SEK NOK DKK ISK"},
    {"kr.", "SEK NOK DKK ISK"},
    {"Rs", "INR PKR LKR NPR MUR SCR"},
    {"Rs.", "INR PKR LKR NPR MUR SCR"},
    {"Fr.", "CHF"},
    {"руб", "RUB"},
    {"руб.", "RUB"},
    {"лв", "BGN"},
});

// Whether a currency before the number and one after it may be the same: "$12 USD".
bool agree(std::string_view before, std::string_view after) {
    if (before.empty() || before == after) return true;
    const std::string_view left = currency_of_sign(before);
    const std::string_view right = currency_of_sign(after);
    return left.empty() ? !right.empty() && is_code(after) && !is_code(before) : left == right;
}

}  // namespace

Result<ShownPrice> parse_shown_price(std::string_view whole, DecimalMark mark) {
    if (whole.size() > kLongestWithBlanks) return not_a_price(whole);
    std::string_view text = without_blanks_around(whole);
    if (text.empty() || text.size() > kLongestText) return not_a_price(whole);
    ShownPrice shown;
    std::optional<bool> minus = take_sign(text);
    skip_blanks(text);
    shown.currency = take_currency_before(text);
    // "Rs.500" may be 500 or 0.500.
    const bool letters = !shown.currency.empty() && is_letter(shown.currency.back());
    if (letters && (text.starts_with('.') || text.starts_with(','))) return not_a_price(whole);
    skip_blanks(text);
    if (!minus) {
        minus = take_sign(text);
        skip_blanks(text);
    }
    std::string plain = minus.value_or(false) ? "-" : "";
    if (!take_number(text, mark, plain)) return not_a_price(whole);
    skip_blanks(text);
    if (!text.empty()) {
        if (!is_currency(text) || !agree(shown.currency, text)) return not_a_price(whole);
        if (shown.currency.empty() || is_code(text)) shown.currency = text;
    }
    auto price = Decimal::parse(plain);
    if (!price) {
        return Error{price.error().kind,
                     "displayed price " + in_quotes(whole) + ": " + price.error().what};
    }
    shown.price = *price;
    return shown;
}

Result<Decimal> parse_price_text(std::string_view text, DecimalMark mark) {
    return parse_shown_price(text, mark).transform([](const ShownPrice& shown) {
        return shown.price;
    });
}

std::string subscript_digits(std::string_view digits) {
    std::string out;
    for (const char c : digits) {
        if (is_ascii_digit(c)) {
            out += kSubscriptLead;
            out += static_cast<char>(0x80 + (c - '0'));
        } else {
            out += c;
        }
    }
    return out;
}

std::string_view currency_of_sign(std::string_view sign) {
    if (is_code(sign) && is_currency(sign)) return sign;
    const auto* row = std::ranges::find(kSigns, sign, &decltype(kSigns)::value_type::first);
    return row == kSigns.end() ? std::string_view() : row->second;
}

bool sign_may_be(std::string_view sign, std::string_view currency) {
    if (sign.empty() || currency.empty()) return true;
    const auto* shared =
        std::ranges::find(kSharedSigns, sign, &decltype(kSharedSigns)::value_type::first);
    if (shared != kSharedSigns.end()) return is_among(shared->second, currency);
    const std::string_view code = currency_of_sign(sign);
    return code.empty() || code == currency;
}

}  // namespace tapedeck
