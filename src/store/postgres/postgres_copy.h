#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/postgres/postgres_values.h"
#include "store/store.h"

namespace tapedeck {

// Bytes of a COPY BINARY (PostgreSQL 15 manual, "COPY", file formats): header, rows, trailer. The
// memory is kept from one use to the next, and nothing is allocated per field.
class CopyBuffer {
public:
    void begin();
    // Announces a row and makes room: `text_bytes` for its texts and blobs, and the rest for
    // `fields` of fixed size.
    void row(std::uint16_t fields, std::size_t text_bytes);
    void null() { at_ = put_32(at_, 0xFFFFFFFFU); }
    void text(std::string_view bytes) {
        at_ = put_32(at_, static_cast<std::uint32_t>(bytes.size()));
        // An empty view may have no address.
        if (!bytes.empty()) __builtin_memcpy(at_, bytes.data(), bytes.size());
        at_ += bytes.size();
    }
    void text_or_null(std::string_view bytes) { bytes.empty() ? null() : text(bytes); }
    void int4(std::int32_t value) {
        at_ = put_32(at_, 4);
        at_ = put_32(at_, static_cast<std::uint32_t>(value));
    }
    void int8(std::int64_t value) {
        at_ = put_32(at_, 8);
        at_ = put_64(at_, static_cast<std::uint64_t>(value));
    }
    void time(Timestamp value) { int8(postgres_time(value)); }
    void time_or_null(const std::optional<Timestamp>& value) { value ? time(*value) : null(); }
    void numeric(const Decimal& value) {
        const std::size_t size = write_numeric(value, at_ + 4);
        put_32(at_, static_cast<std::uint32_t>(size));
        at_ += 4 + size;
    }
    std::string_view end();

    std::size_t size() const { return static_cast<std::size_t>(at_ - bytes_.data()); }
    // Writes another time over the one whose eight bytes begin at `at`.
    void set_time(std::size_t at, Timestamp value) {
        put_64(bytes_.data() + at, static_cast<std::uint64_t>(postgres_time(value)));
    }

private:
    void make_room(std::size_t bytes);

    std::vector<char> bytes_;
    char* at_ = nullptr;   // into bytes_
    char* end_ = nullptr;  // of bytes_
};

// The columns that a loader writes, in the order of append_row; `id` is the database's.
std::string copied_columns(RecordForm form);

// Where a record of a batch stands.
struct RecordPlace {
    std::uint32_t rows;   // index into Batch::rows
    std::uint32_t index;  // into its records
};

// Appends the record as one row; returns where the eight bytes of recorded_at stand. `leading`,
// where given, are bigints that go before it.
std::size_t append_row(CopyBuffer& out, const BatchRows& rows, std::size_t index,
                       Timestamp recorded_at, std::span<const std::int64_t> leading = {});

}  // namespace tapedeck
