#include "store/postgres/postgres_rows.h"

#include <fmt/format.h>

#include <charconv>

#include "base/assert.h"
#include "store/postgres/postgres_values.h"

namespace tapedeck {
namespace {

std::uint64_t big_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
    return value;
}

std::int64_t whole(unsigned type, std::string_view bytes) {
    const std::uint64_t value = big_endian(bytes);
    switch (type) {
        case kInt8Type:
            return static_cast<std::int64_t>(value);
        case kInt4Type:
            return static_cast<std::int32_t>(value);
        case kInt2Type:
            return static_cast<std::int16_t>(value);
        case kBoolType:
            return value != 0 ? 1 : 0;
        default:
            TAPEDECK_ASSERT(false);
    }
}

}  // namespace

std::string_view PostgresRow::cell(int column) const {
    TAPEDECK_ASSERT(column >= 0 && column < PQnfields(result_));
    return {PQgetvalue(result_, row_, column),
            static_cast<std::size_t>(PQgetlength(result_, row_, column))};
}

bool PostgresRow::is_null(int column) const {
    TAPEDECK_ASSERT(column >= 0 && column < PQnfields(result_));
    return PQgetisnull(result_, row_, column) != 0;
}

std::int64_t PostgresRow::integer(int column) const {
    TAPEDECK_ASSERT(!is_null(column));
    const unsigned type = PQftype(result_, column);
    if (type != kNumericType) return whole(type, cell(column));
    const auto number = read_numeric(cell(column));
    TAPEDECK_ASSERT(number && number->scale() == 0);
    const Int128 value = number->coefficient();
    TAPEDECK_ASSERT(value == static_cast<std::int64_t>(value));
    return static_cast<std::int64_t>(value);
}

std::string_view PostgresRow::text(int column) const {
    TAPEDECK_ASSERT(!is_null(column));
    [[maybe_unused]] const unsigned type = PQftype(result_, column);
    // Of these types the binary form is no text.
    TAPEDECK_ASSERT(type != kInt8Type && type != kInt4Type && type != kInt2Type &&
                    type != kBoolType && type != kByteaType && type != kNumericType &&
                    type != kTimestampType && type != kTimestamptzType);
    return cell(column);
}

Timestamp PostgresRow::timestamp(int column) const {
    TAPEDECK_ASSERT(!is_null(column));
    [[maybe_unused]] const unsigned type = PQftype(result_, column);
    TAPEDECK_ASSERT(type == kTimestamptzType || type == kTimestampType);
    return time_from_postgres(static_cast<std::int64_t>(big_endian(cell(column))));
}

Decimal PostgresRow::decimal(int column) const {
    TAPEDECK_ASSERT(!is_null(column));
    const unsigned type = PQftype(result_, column);
    const auto number = type == kNumericType ? read_numeric(cell(column))
                                             : Decimal::from_parts(whole(type, cell(column)), 0);
    TAPEDECK_ASSERT(number);
    return *number;
}

std::span<const std::uint8_t> PostgresRow::bytes(int column) const {
    TAPEDECK_ASSERT(!is_null(column) && PQftype(result_, column) == kByteaType);
    const std::string_view found = cell(column);
    return {reinterpret_cast<const std::uint8_t*>(found.data()), found.size()};
}

Result<> PostgresRow::check() const {
    for (int column = 0; column < PQnfields(result_); ++column) {
        if (PQftype(result_, column) != kNumericType || is_null(column)) continue;
        if (const auto number = read_numeric(cell(column)); !number) {
            return Error{
                ErrorKind::rejected,
                fmt::format("column {} holds {}", PQfname(result_, column), number.error().what)};
        }
    }
    return {};
}

std::int64_t changed_rows(PGresult* result) {
    const std::string_view text = PQcmdTuples(result);
    std::int64_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
}

Result<> stream_rows(PostgresConnection& connection, const Statement& statement,
                     const RowSink& sink) {
    if (auto sent = connection.send(statement.sql, statement.values); !sent) return sent;
    PQsetSingleRowMode(connection.handle());
    Result<> outcome;
    for (;;) {
        auto result = connection.next();
        if (!result) {
            outcome = result.error();
            break;
        }
        if (!*result) break;
        const int rows = PQntuples(result->get());
        for (int row = 0; row < rows && outcome; ++row) {
            const PostgresRow view(result->get(), row);
            outcome = view.check();
            if (outcome) outcome = sink(view);
        }
        if (!outcome) {
            connection.cancel();
            break;
        }
    }
    // What is left is the end of a statement that was cancelled, or nothing.
    if (auto rest = connection.drain(); !rest && outcome) return rest;
    return outcome;
}

}  // namespace tapedeck
