#include "store/batch_rules.h"

#include <cstring>

#include "base/assert.h"

namespace tapedeck {

bool holds_zero_byte(const Record& record) {
    const auto has = [](std::string_view text) {
        return !text.empty() && std::memchr(text.data(), '\0', text.size()) != nullptr;
    };
    return has(record.instrument) || has(record.name) || has(record.source) ||
           has(record.currency) || has(record.capture);
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
                      "refused by the store: " + reason};
    encode_record(letter.value, record, rows.table.form);
    return letter;
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
