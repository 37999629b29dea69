#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace tapedeck {

// PostgreSQL's binary forms of values, as COPY BINARY and the extended protocol carry them
// (src/backend/utils/adt/numeric.c, numeric_recv; timestamp.c). All numbers are big-endian.

// The longest numeric of a Decimal: 8 bytes of header and 11 groups of four digits.
inline constexpr std::size_t kLongestNumeric = 8 + 11 * 2;

// Writes the numeric of `value` with the digits as written (dscale is its scale): 22.50 stays
// 22.50. The number of bytes written.
std::size_t write_numeric(const Decimal& value, char* out);

// `malformed` where the bytes are no numeric, `rejected` for NaN, the infinities and what takes
// more than 38 digits or a scale above 38.
Result<Decimal> read_numeric(std::string_view bytes);

// Microseconds since 2000-01-01. The ends of Timestamp's range are PostgreSQL's infinities, so
// that "since ever" and "for ever" can be bound.
std::int64_t postgres_time(Timestamp time);
Timestamp time_from_postgres(std::int64_t microseconds);

// Object ids of the types that we bind and read (src/include/catalog/pg_type.dat).
enum PostgresType : unsigned {
    kBoolType = 16,
    kByteaType = 17,
    kInt8Type = 20,
    kInt2Type = 21,
    kInt4Type = 23,
    kTextType = 25,
    kTimestampType = 1114,
    kTimestamptzType = 1184,
    kNumericType = 1700,
};

inline char* put_16(char* out, std::uint16_t value) {
    out[0] = static_cast<char>(value >> 8U);
    out[1] = static_cast<char>(value);
    return out + 2;
}
inline char* put_32(char* out, std::uint32_t value) {
    const std::uint32_t swapped = __builtin_bswap32(value);
    __builtin_memcpy(out, &swapped, sizeof swapped);
    return out + 4;
}
inline char* put_64(char* out, std::uint64_t value) {
    const std::uint64_t swapped = __builtin_bswap64(value);
    __builtin_memcpy(out, &swapped, sizeof swapped);
    return out + 8;
}

// The values of a statement as libpq's PQexecParams takes them, each bound by its type. Borrows the
// values.
class BoundValues {
public:
    explicit BoundValues(std::span<const Value> values);
    BoundValues(const BoundValues&) = delete;
    BoundValues& operator=(const BoundValues&) = delete;

    int count() const { return static_cast<int>(values_.size()); }
    const unsigned* types() const { return types_.data(); }
    const char* const* values() const { return values_.data(); }
    const int* lengths() const { return lengths_.data(); }
    const int* formats() const { return formats_.data(); }

private:
    using Bytes = std::array<char, kLongestNumeric>;
    void add(const Value& value, Bytes& own);

    std::vector<Bytes> own_;  // numbers in binary
    std::vector<unsigned> types_;
    std::vector<const char*> values_;
    std::vector<int> lengths_;
    std::vector<int> formats_;
};

}  // namespace tapedeck
