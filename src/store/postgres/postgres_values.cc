#include "store/postgres/postgres_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/assert.h"

namespace tapedeck {
namespace {

__extension__ using UInt128 = unsigned __int128;

constexpr std::uint64_t kGroup = 10'000;  // numeric's base
constexpr std::uint16_t kNegative = 0x4000;
constexpr std::uint16_t kSpecial = 0xC000;  // NaN and the infinities
constexpr int kLongestScale = 38;
constexpr std::int64_t kEpochShift = 946'684'800'000'000;  // 1970 to 2000, microseconds

constexpr std::array<std::uint64_t, 20> kPowers = [] {
    std::array<std::uint64_t, 20> out{};
    out[0] = 1;
    for (std::size_t i = 1; i < out.size(); ++i) out[i] = out[i - 1] * 10;
    return out;
}();

// Groups of four digits, the highest first; `before` of them stand before the point.
struct Groups {
    std::array<std::uint16_t, 22> digits;
    int count = 0;
    int before = 0;

    void push_back(std::uint64_t group) {
        digits[static_cast<std::size_t>(count++)] = static_cast<std::uint16_t>(group);
    }
};

// Up to 19 digits and scale 16: whole numbers of 64 bits do.
void split_small(std::uint64_t magnitude, int scale, Groups& out) {
    const std::uint64_t whole = magnitude / kPowers[static_cast<std::size_t>(scale)];
    std::uint64_t rest = magnitude % kPowers[static_cast<std::size_t>(scale)];
    std::array<std::uint16_t, 5> reversed{};
    std::size_t groups = 0;
    for (std::uint64_t left = whole; left > 0; left /= kGroup) {
        reversed[groups++] = static_cast<std::uint16_t>(left % kGroup);
    }
    out.before = static_cast<int>(groups);
    while (groups > 0) out.push_back(reversed[--groups]);
    const int after = (scale + 3) / 4;
    rest *= kPowers[static_cast<std::size_t>(after * 4 - scale)];
    for (int i = after - 1; i >= 0; --i) {
        const std::uint64_t power = kPowers[static_cast<std::size_t>(i) * 4];
        out.push_back(rest / power);
        rest %= power;
    }
}

void split_large(UInt128 magnitude, int scale, Groups& out) {
    // Digits from the last to the first, aligned so that the point stands between two groups.
    std::array<std::uint8_t, 96> digits{};
    std::size_t count = static_cast<std::size_t>((4 - scale % 4) % 4);
    for (UInt128 left = magnitude; left > 0; left /= 10) {
        digits[count++] = static_cast<std::uint8_t>(left % 10);
    }
    const int after = (scale + 3) / 4;
    const auto groups = std::max(static_cast<int>((count + 3) / 4), after);
    out.before = groups - after;
    for (int i = groups - 1; i >= 0; --i) {
        const std::uint8_t* group = digits.data() + i * 4;
        out.push_back(static_cast<std::uint64_t>(group[3]) * 1'000 + group[2] * 100U +
                      group[1] * 10U + group[0]);
    }
}

std::uint16_t get_16(const char* bytes) {
    return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[0]) << 8U |
                                      static_cast<unsigned char>(bytes[1]));
}

constexpr UInt128 kMost = [] {
    UInt128 out = 1;
    for (int i = 0; i < 38; ++i) out *= 10;
    return out - 1;
}();

Error too_long() {
    return {ErrorKind::rejected, "a numeric of more than 38 digits, which is not shown rounded"};
}

}  // namespace

std::size_t write_numeric(const Decimal& value, char* out) {
    const Int128 coefficient = value.coefficient();
    const auto magnitude =
        coefficient < 0 ? UInt128(0) - static_cast<UInt128>(coefficient) : UInt128(coefficient);
    const int scale = value.scale();
    Groups groups;
    if (magnitude <= std::numeric_limits<std::uint64_t>::max() && scale <= 16) [[likely]] {
        split_small(static_cast<std::uint64_t>(magnitude), scale, groups);
    } else {
        split_large(magnitude, scale, groups);
    }
    int first = 0;
    int last = groups.count;
    while (first < last && groups.digits[static_cast<std::size_t>(first)] == 0) ++first;
    while (last > first && groups.digits[static_cast<std::size_t>(last - 1)] == 0) --last;
    const bool zero = first == last;
    char* at = put_16(out, static_cast<std::uint16_t>(last - first));
    at = put_16(at, static_cast<std::uint16_t>(zero ? 0 : groups.before - first - 1));  // weight
    at = put_16(at, coefficient < 0 ? kNegative : std::uint16_t{0});
    at = put_16(at, static_cast<std::uint16_t>(scale));
    for (int i = first; i < last; ++i) {
        at = put_16(at, groups.digits[static_cast<std::size_t>(i)]);
    }
    return static_cast<std::size_t>(at - out);
}

Result<Decimal> read_numeric(std::string_view bytes) {
    if (bytes.size() < 8) return Error{ErrorKind::malformed, "a numeric of less than 8 bytes"};
    const int count = get_16(bytes.data());
    const auto weight = static_cast<std::int16_t>(get_16(bytes.data() + 2));
    const std::uint16_t sign = get_16(bytes.data() + 4);
    const int scale = get_16(bytes.data() + 6);
    if (bytes.size() != 8 + static_cast<std::size_t>(count) * 2) {
        return Error{ErrorKind::malformed,
                     fmt::format("a numeric of {} groups in {} bytes", count, bytes.size())};
    }
    if ((sign & kSpecial) == kSpecial) {
        return Error{ErrorKind::rejected, "a numeric that is no number (NaN or infinite)"};
    }
    if (scale > kLongestScale) return too_long();
    UInt128 coefficient = 0;
    // The value of a digit is 10^(place); what stands below 10^-scale is zero.
    for (int i = 0; i < count; ++i) {
        const std::uint16_t group = get_16(bytes.data() + 8 + i * 2);
        for (int digit = 0; digit < 4; ++digit) {
            const int place = (weight - i) * 4 + 3 - digit;
            if (place < -scale) break;
            const auto value = group / kPowers[static_cast<std::size_t>(3 - digit)] % 10;
            if (coefficient > kMost / 10) return too_long();
            coefficient = coefficient * 10 + value;
        }
    }
    const int next_place = (weight - count) * 4 + 3;  // the place after the last group
    for (int place = next_place; place >= -scale && coefficient != 0; --place) {
        if (coefficient > kMost / 10) return too_long();
        coefficient *= 10;
    }
    const auto whole = static_cast<Int128>(coefficient);
    return Decimal::from_parts((sign & kNegative) != 0 ? -whole : whole, scale);
}

std::int64_t postgres_time(Timestamp time) {
    const std::int64_t since_1970 = time.time_since_epoch().count();
    if (time == Timestamp::max()) return std::numeric_limits<std::int64_t>::max();
    if (since_1970 <= std::numeric_limits<std::int64_t>::min() + kEpochShift) {
        return std::numeric_limits<std::int64_t>::min();
    }
    return since_1970 - kEpochShift;
}

Timestamp time_from_postgres(std::int64_t microseconds) {
    if (microseconds >= std::numeric_limits<std::int64_t>::max() - kEpochShift) {
        return Timestamp::max();
    }
    if (microseconds == std::numeric_limits<std::int64_t>::min()) return Timestamp::min();
    return Timestamp(std::chrono::microseconds(microseconds + kEpochShift));
}

BoundValues::BoundValues(std::span<const Value> values) : own_(values.size()) {
    types_.reserve(values.size());
    values_.reserve(values.size());
    lengths_.reserve(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) add(values[i], own_[i]);
    formats_.assign(values.size(), 1);
}

void BoundValues::add(const Value& value, Bytes& own) {
    const auto bind = [&](unsigned type, const char* bytes, std::size_t size) {
        types_.push_back(type);
        values_.push_back(bytes);
        lengths_.push_back(static_cast<int>(size));
    };
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
        put_64(own.data(), static_cast<std::uint64_t>(*number));
        bind(kInt8Type, own.data(), 8);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
        bind(kTextType, text->data(), text->size());
    } else if (const auto* time = std::get_if<Timestamp>(&value)) {
        put_64(own.data(), static_cast<std::uint64_t>(postgres_time(*time)));
        bind(kTimestamptzType, own.data(), 8);
    } else if (const auto* decimal = std::get_if<Decimal>(&value)) {
        bind(kNumericType, own.data(), write_numeric(*decimal, own.data()));
    } else if (const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&value)) {
        // A null pointer would be NULL.
        bind(kByteaType, bytes->empty() ? "" : reinterpret_cast<const char*>(bytes->data()),
             bytes->size());
    } else {
        bind(0, nullptr, 0);  // NULL, of the type that its place asks for
    }
}

}  // namespace tapedeck
