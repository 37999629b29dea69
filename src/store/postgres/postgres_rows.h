#pragma once

#include "store/postgres/postgres_connection.h"
#include "store/store.h"

namespace tapedeck {

// One row of an answer in the binary format. Whole numbers are read from every integer type, from
// boolean (0 and 1) and from a numeric without fraction, as sums give it; times from timestamptz
// and timestamp (UTC); prices from numeric and the integers.
class PostgresRow : public RowView {
public:
    PostgresRow(const PGresult* result, int row) : result_(result), row_(row) {}

    bool is_null(int column) const override;
    std::int64_t integer(int column) const override;
    std::string_view text(int column) const override;
    Timestamp timestamp(int column) const override;
    Decimal decimal(int column) const override;
    std::span<const std::uint8_t> bytes(int column) const override;

    // `rejected` where a column holds a numeric that no Decimal holds: those assert.
    Result<> check() const;

private:
    std::string_view cell(int column) const;

    const PGresult* result_;
    const int row_;
};

// Runs one reading statement on `connection` and gives its rows to `sink` as they come. What the
// sink does not want any more is cancelled; the connection is usable again afterwards.
Result<> stream_rows(PostgresConnection& connection, const Statement& statement,
                     const RowSink& sink);

// The rows changed by a statement that has run.
std::int64_t changed_rows(PGresult* result);

}  // namespace tapedeck
