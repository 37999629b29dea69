#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/store.h"

// Batches of coins as a loader would make them.
namespace tapedeck {

inline constexpr Timestamp kSlot{std::chrono::microseconds(1'764'000'300'000'000)};

inline PriceTable coin_table() { return {"coin_records", RecordForm::coin}; }
inline TopicPartition coin_topic(std::int32_t partition = 0) {
    return {"coin_topic", Partition(partition)};
}

// The texts must outlive the record.
inline Record coin(std::string_view instrument, std::string_view price,
                   std::optional<Timestamp> slot = kSlot) {
    Record record;
    record.instrument = record.name = instrument;
    record.price = Decimal::parse(price).value();
    record.currency = "USD";
    record.slot = slot;
    if (slot) {
        record.observed_at = *slot + std::chrono::microseconds(412'913);
        record.source = "coinmarketcap";
    }
    return record;
}

// One message a record, from offset `from` on.
inline Batch batch_of(std::int64_t from, const std::vector<Record>& records,
                      const TopicPartition& at = coin_topic()) {
    Batch batch;
    BatchRows rows{coin_table(), 0, records, {}, {}};
    const std::int64_t to = from + static_cast<std::int64_t>(records.size());
    for (std::int64_t offset = from; offset < to; ++offset) {
        rows.offsets.emplace_back(offset);
        rows.timestamps.push_back(kSlot + std::chrono::milliseconds(offset));
    }
    batch.advances.push_back(
        {at, Offset(from), Offset(to), rows.timestamps.back(), sha256(std::to_string(to))});
    batch.rows.push_back(std::move(rows));
    return batch;
}

inline void make_coins(Store& store, int partitions = 2) {
    const auto made = store.ensure_table(coin_table());
    ASSERT_TRUE(made) << made.error().what;
    std::vector<TopicPartition> all;
    for (int i = 0; i < partitions; ++i) all.push_back(coin_topic(i));
    const auto ledger = store.ledger(all);
    ASSERT_TRUE(ledger) << ledger.error().what;
}

inline std::int64_t next_offset(Store& store, const TopicPartition& at = coin_topic()) {
    const std::vector<TopicPartition> partitions{at};
    const auto ledger = store.ledger(partitions);
    EXPECT_TRUE(ledger) << ledger.error().what;
    return ledger ? ledger->front().next.value() : -1;
}

inline Committed committed(Store& store, const Batch& batch) {
    const auto done = store.commit(batch);
    EXPECT_TRUE(done) << done.error().what;
    return done.value_or({});
}

}  // namespace tapedeck
