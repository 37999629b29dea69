#include "store/row_instrument.h"

#include <fmt/format.h>

#include "market/instrument_name.h"

namespace tapedeck {
namespace {

// The text with what LIKE takes for a pattern made plain.
std::string as_pattern(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '%' || c == '_' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

}  // namespace

std::string row_instrument(const RowView& row, int instrument, int name, RecordForm form) {
    if (!row.is_null(instrument)) return std::string(row.text(instrument));
    if (row.is_null(name)) return std::string();
    return std::string(instrument_of(row.text(name), form));
}

std::string rows_of_instrument(const PriceTable& table, const std::string& instrument,
                               std::vector<Value>& values) {
    values.emplace_back(instrument);
    const std::size_t exact = values.size();
    if (table.form == RecordForm::coin)
        return fmt::format("coalesce(instrument, coin) = ${}", exact);
    values.emplace_back("%(" + as_pattern(instrument) + ")%");
    return fmt::format(
        "(instrument = ${0} or (instrument is null and (stock = ${0} or stock like ${1} escape "
        "'\\')))",
        exact, values.size());
}

}  // namespace tapedeck
