#include "load/batch_maker.h"

#include <algorithm>

#include "base/assert.h"
#include "base/sha256.h"
#include "load/price_parts.h"

namespace tapedeck {
namespace {

// Beside its bytes, a message costs its place in a chunk; a row is there decoded and, while it is
// written, encoded: its numbers and lengths, and its texts, half of the message at most.
constexpr std::size_t kMessageMemory = 96;
constexpr std::size_t kRowMemory = sizeof(Record) + sizeof(Offset) + sizeof(Timestamp) + 100;
constexpr std::size_t kPartAtFirst = 16;

}  // namespace

std::size_t bytes_to_read(const BatchLimits& limits, const ChunkSize& last) {
    if (last.bytes == 0) return std::max<std::size_t>(1, limits.bytes / kPartAtFirst);
    const std::size_t memory =
        last.bytes + last.bytes / 2 + last.messages * kMessageMemory + last.rows * kRowMemory;
    const auto share = [&](std::size_t limit, std::size_t used) {
        return static_cast<std::size_t>(static_cast<Int128>(limit) * last.bytes / used);
    };
    std::size_t bytes = std::min(limits.bytes, share(limits.memory, memory));
    if (last.rows > 0) bytes = std::min(bytes, share(limits.rows, last.rows));
    return std::max<std::size_t>(1, bytes);
}

Result<> read_prices(RecordDecoder& decoder, const TapeMessage& message, RecordForm form,
                     TextArena& arena, std::vector<Record>& out) {
    const std::size_t before = out.size();
    if (auto done = decoder.decode(message.value, form, arena, out); !done) return done;
    if (message.timestamp) [[likely]]
        return {};
    const auto fault = std::find_if(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(),
                                    [](const Record& record) { return !record.observed_at; });
    if (fault == out.end()) return {};
    const std::string instrument(fault->instrument);
    out.resize(before);
    return Error{ErrorKind::malformed,
                 "the price of " + instrument +
                     " has no time: no observed_at, and the message's timestamp is outside the "
                     "years 1970 to 9999"};
}

Batch BatchMaker::make(const Chunk& chunk, Offset from, std::size_t& first, TextArena& arena,
                       BatchRows room) {
    TAPEDECK_ASSERT(first < chunk.messages.size());
    const auto topic = std::ranges::find(topics_, chunk.at.topic, &LoadedTopic::topic);
    TAPEDECK_ASSERT(topic != topics_.end());
    Batch batch;
    const auto end_after = [&](const TapeMessage& last) {
        batch.advances.push_back(
            {chunk.at, from, next(last.offset), last.timestamp, sha256(last.value)});
    };
    const auto refuse = [&](const TapeMessage& message, std::string_view value, std::string why) {
        batch.dead_letters.push_back({chunk.at, message.offset, message.timestamp,
                                      std::string(message.key), std::string(value),
                                      std::move(why)});
    };
    if (!topic->table) {
        std::size_t rows = 0;
        for (; first < chunk.messages.size() && rows < most_rows_; ++first) {
            const TapeMessage& message = chunk.messages[first];
            auto run = decode_outcomes(message.value);
            if (run && !owner_.is_own(*run)) {
                ++foreign_[run->deployment];
            } else if (run) {
                rows += run->outcomes.size();
                batch.outcomes.push_back({chunk.at, message.offset, *std::move(run)});
            } else {
                refuse(message, message.value, run.error().what);
                ++rows;
            }
        }
        end_after(chunk.messages[first - 1]);
        return batch;
    }
    BatchRows rows = std::move(room);
    rows.table = *topic->table;
    rows.advance = 0;
    rows.records.clear();
    rows.offsets.clear();
    rows.timestamps.clear();
    const std::size_t likely = std::min(chunk.messages.size() - first, most_rows_);
    rows.records.reserve(likely);
    rows.offsets.reserve(likely);
    rows.timestamps.reserve(likely);
    std::vector<RefusedRecord> refused;
    for (; first < chunk.messages.size(); ++first) {
        if (rows.records.size() + batch.dead_letters.size() >= most_rows_) break;
        const TapeMessage& message = chunk.messages[first];
        refused.clear();
        const auto done =
            read_price_parts(decoder_, message, topic->table->form, arena, rows.records, refused);
        if (!done) refuse(message, message.value, done.error().what);
        for (RefusedRecord& one : refused) refuse(message, one.value, std::move(one.why));
        rows.offsets.resize(rows.records.size(), message.offset);
        rows.timestamps.resize(rows.records.size(), message.timestamp);
    }
    end_after(chunk.messages[first - 1]);
    if (!rows.records.empty()) batch.rows.push_back(std::move(rows));
    return batch;
}

}  // namespace tapedeck
