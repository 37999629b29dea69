// Decimal::parse: what is read is written and read again as the same, and agrees with the other
// operations; everything else is an error of the kinds that the header names.

#include <cstdint>
#include <string_view>

#include "base/decimal.h"

using namespace tapedeck;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto value = Decimal::parse(text);
    if (!value) {
        TAPEDECK_ASSERT(value.error().kind == ErrorKind::malformed ||
                        value.error().kind == ErrorKind::rejected);
        return 0;
    }
    const auto again = Decimal::parse(value->to_string());
    TAPEDECK_ASSERT(again);
    TAPEDECK_ASSERT(again->coefficient() == value->coefficient());
    TAPEDECK_ASSERT(again->scale() == value->scale());
    TAPEDECK_ASSERT(value->normalized() == *value);
    const auto up = value->rounded(0, Rounding::ceiling);
    const auto down = value->rounded(0, Rounding::floor);
    TAPEDECK_ASSERT(up && down && *down <= *value && *value <= *up);
    const auto twice = Decimal::sum(*value, *value);
    if (twice) TAPEDECK_ASSERT(*Decimal::difference(*twice, *value) == *value);
    TAPEDECK_ASSERT(Decimal::product(*value, *Decimal::parse("1")).value() == *value);
    return 0;
}
