#include "store/stored_price.h"

#include <fmt/format.h>

namespace tapedeck {

std::string stored_price_column(std::string_view name) {
    return fmt::format("cast({} as text)", name);
}

StoredPrice stored_price(const RowView& row, int column) {
    StoredPrice price;
    if (row.is_null(column)) return price;
    price.text = row.text(column);
    if (auto number = Decimal::parse(price.text)) price.number = *number;
    return price;
}

std::string shown_price(const StoredPrice& price) {
    return price.text.empty() ? "NULL" : price.text;
}

}  // namespace tapedeck
