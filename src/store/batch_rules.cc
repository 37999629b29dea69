#include "store/batch_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.h"
#include "tape/tape_rules.h"

namespace tapedeck {

bool holds_zero_byte(const Record& record) {
    const auto has = [](std::string_view text) {
        return !text.empty() && std::memchr(text.data(), '\0', text.size()) != nullptr;
    };
    return has(record.instrument) || has(record.name) || has(record.source) ||
           has(record.currency) || has(record.capture);
}

std::span<const std::string_view> filled_columns() {
    static constexpr std::array<std::string_view, 12> kColumns{
        "stock", "coin",   "price",    "previous_close", "date",    "instrument",
        "slot",  "source", "revision", "recorded_at",    "capture", "currency"};
    return kColumns;
}

bool is_filled_column(std::string_view column) {
    return std::ranges::find(filled_columns(), column) != filled_columns().end();
}

Timestamp date_of(const BatchRows& rows, std::size_t index) {
    const Record& record = rows.records[index];
    if (record.observed_at) return *record.observed_at;
    TAPEDECK_ASSERT(rows.timestamps[index]);
    return *rows.timestamps[index];
}

DeadLetter refused_record(const BatchRows& rows, std::size_t index, const TopicPartition& at,
                          const std::string& reason) {
    const Record& record = rows.records[index];
    DeadLetter letter{at,
                      rows.offsets[index],
                      rows.timestamps[index],
                      std::string(record.instrument),
                      {},
                      std::string(kRefusedByStore) + reason};
    encode_record(letter.value, record, rows.table.form);
    return letter;
}

void note_refusal(Committed& counts, Offset offset, const std::string& reason) {
    ++counts.refused;
    if (!counts.first_refused) counts.first_refused = Refusal{offset, reason};
}

Error refused_again(const std::string& reason) {
    return {ErrorKind::rejected, std::string(kRefusedByStore) + reason};
}

Error letter_has_ended(const Batch::Advance& advance) {
    return {ErrorKind::conflict, fmt::format("the dead letter {} of {} has been settled",
                                             advance.retried->letter, to_string(advance.at))};
}

std::string reopen_sql(std::string_view feed, std::string_view slot, std::string_view instrument) {
    return fmt::format(
        "update coverage set state = 'pending', reason = null, what = 'to be derived again' where"
        " feed = {} and slot = {} and instrument = {}",
        feed, slot, instrument);
}

Error out_of_turn() {
    return {ErrorKind::unavailable, "the batch before this one is not committed"};
}

std::string_view capture_of(const Outcome& outcome) {
    std::string_view last;
    for (const Attempt& attempt : outcome.attempts) {
        if (attempt.capture.empty()) continue;
        last = attempt.capture;
        if (!attempt.reason) return last;
    }
    return last;
}

}  // namespace tapedeck
