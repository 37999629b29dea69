#include "coverage/parity.h"

#include <fmt/format.h>

#include "store/stored_price.h"

namespace tapedeck {
namespace {

std::string text_or_dash(const RowView& row, int column) {
    return row.is_null(column) ? "-" : std::string(row.text(column));
}

std::string time_or_dash(const RowView& row, int column) {
    return row.is_null(column) ? "-" : format_rfc3339(row.timestamp(column));
}

}  // namespace

void add_line(Sha256& sum, std::string_view line) {
    const Sha256 hash = sha256(line);
    unsigned carry = 0;
    for (std::size_t i = sum.size(); i-- > 0;) {
        const unsigned total = unsigned{sum[i]} + hash[i] + carry;
        sum[i] = static_cast<std::uint8_t>(total & 0xFFU);
        carry = total >> 8U;
    }
}

Result<Parity> parity_of(Store& store, const std::map<std::string, Feed>& feeds) {
    Parity parity;
    for (const auto& [name, feed] : feeds) {
        auto done = store.query(
            {fmt::format("select instrument, {}, date, slot, source, revision from {}",
                         stored_price_column("price"), feed.table.name),
             {},
             {}},
            [&, &name = name](const RowView& row) -> Result<> {
                const std::string revision = row.is_null(5) ? "-" : std::to_string(row.integer(5));
                add_line(parity.rows_hash,
                         fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}", name, text_or_dash(row, 0),
                                     shown_price(stored_price(row, 1)), time_or_dash(row, 2),
                                     time_or_dash(row, 3), text_or_dash(row, 4), revision));
                ++parity.rows;
                return {};
            });
        if (!done) return done.error();
    }
    auto done = store.query({"select feed, slot, instrument, state, reason from coverage", {}, {}},
                            [&](const RowView& row) -> Result<> {
                                add_line(parity.coverage_hash,
                                         fmt::format("{}\t{}\t{}\t{}\t{}", row.text(0),
                                                     format_rfc3339(row.timestamp(1)), row.text(2),
                                                     row.text(3), text_or_dash(row, 4)));
                                ++parity.slots;
                                return {};
                            });
    if (!done) return done.error();
    return parity;
}

}  // namespace tapedeck
