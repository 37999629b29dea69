#include "store/postgres/postgres_copy.h"

#include <algorithm>

#include "base/assert.h"
#include "store/batch_rules.h"

namespace tapedeck {
namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
constexpr std::size_t kFirstRoom = 256 * 1024;
constexpr std::size_t kFixedField = 4 + kLongestNumeric;

}  // namespace

void CopyBuffer::begin() {
    if (bytes_.empty()) bytes_.resize(kFirstRoom);
    at_ = bytes_.data();
    end_ = at_ + bytes_.size();
    at_ = std::ranges::copy(kSignature, at_).out;
}

void CopyBuffer::make_room(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at_) >= bytes) [[likely]]
        return;
    const auto used = static_cast<std::size_t>(at_ - bytes_.data());
    bytes_.resize(std::max(bytes_.size() * 2, used + bytes));
    at_ = bytes_.data() + used;
    end_ = bytes_.data() + bytes_.size();
}

void CopyBuffer::row(std::uint16_t fields, std::size_t text_bytes) {
    make_room(2 + fields * kFixedField + text_bytes + 2);
    at_ = put_16(at_, fields);
}

std::string_view CopyBuffer::end() {
    make_room(2);
    at_ = put_16(at_, 0xFFFF);
    return {bytes_.data(), static_cast<std::size_t>(at_ - bytes_.data())};
}

std::string copied_columns(RecordForm form) {
    const bool stock = form == RecordForm::stock;
    return std::string(stock ? "stock, price, previous_close" : "coin, price") +
           ", date, instrument, slot, source, revision, recorded_at, capture, currency";
}

std::size_t append_row(CopyBuffer& out, const BatchRows& rows, std::size_t index,
                       Timestamp recorded_at, std::span<const std::int64_t> leading) {
    const Record& record = rows.records[index];
    const bool stock = rows.table.form == RecordForm::stock;
    out.row(static_cast<std::uint16_t>((stock ? 11 : 10) + leading.size()),
            record.instrument.size() * 2 + record.name.size() + record.source.size() +
                record.capture.size() + record.currency.size());
    for (const std::int64_t value : leading) out.int8(value);
    if (stock) {
        out.text_or_null(record.name);
    } else {
        out.text(record.instrument);
    }
    out.numeric(record.price);
    if (stock) {
        record.previous_close ? out.numeric(*record.previous_close) : out.null();
    }
    out.time(date_of(rows, index));
    out.text(record.instrument);
    if (record.slot) {
        // Never NULL beside a slot: NULLs differ from one another, and the key would let doubles
        // in.
        out.time(*record.slot);
        out.text(record.source);
        out.int4(record.revision);
    } else {
        out.null();
        out.text_or_null(record.source);
        out.null();
    }
    out.time(recorded_at);
    const std::size_t stamp = out.size() - sizeof(std::int64_t);
    out.text_or_null(record.capture);
    out.text_or_null(record.currency);
    return stamp;
}

}  // namespace tapedeck
