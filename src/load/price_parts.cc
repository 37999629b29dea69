#include "load/price_parts.h"

#include <algorithm>

namespace tapedeck {

Result<> read_price_parts(RecordDecoder& decoder, const TapeMessage& message, RecordForm form,
                          TextArena& arena, std::vector<Record>& out,
                          std::vector<RefusedRecord>& refused) {
    auto whole = read_prices(decoder, message, form, arena, out);
    if (whole) return whole;
    const std::size_t before = out.size();
    const std::size_t refused_before = refused.size();
    if (!decode_parts(message.value, form, arena, out, refused)) return whole;
    const bool has_times =
        message.timestamp ||
        std::all_of(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(),
                    [](const Record& record) { return record.observed_at.has_value(); });
    if (has_times) return {};
    out.resize(before);
    refused.resize(refused_before);
    return whole;
}

}  // namespace tapedeck
