// parse_shown_price: the digits of the price are those of the text, in their order, and nothing
// else is in it; the currency points into the text.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "market/price_text.h"

using namespace tapedeck;

namespace {

// Digits without zeros, which exponents and subscripts add.
std::string digits_of(std::string_view text) {
    std::string out;
    std::ranges::copy_if(text, std::back_inserter(out),
                         [](char c) { return c >= '1' && c <= '9'; });
    return out;
}

void check(std::string_view text, DecimalMark mark) {
    const auto shown = parse_shown_price(text, mark);
    if (!shown) {
        TAPEDECK_ASSERT(shown.error().kind == ErrorKind::malformed ||
                        shown.error().kind == ErrorKind::rejected);
        return;
    }
    const std::string plain = shown->price.to_string();
    TAPEDECK_ASSERT(digits_of(text).starts_with(digits_of(plain)));
    if (!shown->currency.empty()) {
        TAPEDECK_ASSERT(shown->currency.data() >= text.data());
        TAPEDECK_ASSERT(shown->currency.data() + shown->currency.size() <=
                        text.data() + text.size());
    }
    // Where nothing but digits and a point were shown, both readers give the same.
    TAPEDECK_ASSERT(parse_price_text(plain, DecimalMark::point)->to_string() == plain);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check(text, DecimalMark::point);
    check(text, DecimalMark::comma);
    return 0;
}
