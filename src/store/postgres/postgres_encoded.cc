#include "store/postgres/postgres_encoded.h"

#include <algorithm>

#include "base/assert.h"
#include "base/mutex.h"
#include "store/batch_rules.h"

namespace tapedeck {
namespace {

constexpr std::size_t kSpareBatches = 3;  // two that are committed, one that waits for its turn
constexpr Timestamp kUnstamped{std::chrono::sys_days(std::chrono::January / 1 / 2000)};

}  // namespace

EncodedBatch::Part& EncodedBatch::part_of(const PriceTable& table) {
    for (std::size_t i = 0; i < used_; ++i) {
        if (parts_[i].table == table) return parts_[i];
    }
    if (used_ == parts_.size()) parts_.emplace_back();
    Part& part = parts_[used_++];
    part.table = table;
    part.places.clear();
    part.stamps_.clear();
    part.buffer_.begin();
    return part;
}

void EncodedBatch::encode(const Batch& batch) {
    used_ = 0;
    refused_.clear();
    rows_of_.assign(batch.advances.size(), 0);
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
        const BatchRows& rows = batch.rows[i];
        TAPEDECK_ASSERT(rows.advance < batch.advances.size());
        TAPEDECK_ASSERT(rows.records.size() == rows.offsets.size() &&
                        rows.records.size() == rows.timestamps.size());
        const Batch::Advance& advance = batch.advances[rows.advance];
        Part& part = part_of(rows.table);
        for (std::size_t j = 0; j < rows.records.size(); ++j) {
            TAPEDECK_ASSERT(advance.from <= rows.offsets[j] && rows.offsets[j] < advance.to);
            if (holds_zero_byte(rows.records[j])) [[unlikely]] {
                refused_.push_back(refused_record(rows, j, advance.at, "a text holds a zero byte"));
                continue;
            }
            part.places.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j)});
            part.stamps_.push_back(append_row(part.buffer_, rows, j, kUnstamped));
            ++rows_of_[rows.advance];
        }
    }
    for (std::size_t i = 0; i < used_; ++i) parts_[i].bytes = parts_[i].buffer_.end();
}

void EncodedBatch::stamp(Timestamp recorded_at) {
    for (std::size_t i = 0; i < used_; ++i) {
        for (const std::size_t at : parts_[i].stamps_) parts_[i].buffer_.set_time(at, recorded_at);
    }
}

std::shared_ptr<EncodedBatch> EncodedBatchPool::take() {
    const Lock lock(batches_->mutex);
    if (batches_->spare.empty()) batches_->spare.push_back(std::make_unique<EncodedBatch>());
    batches_->given.push_back(std::move(batches_->spare.back()));
    batches_->spare.pop_back();
    return {batches_->given.back().get(), [batches = batches_](EncodedBatch* done) {
                const Lock own(batches->mutex);
                const auto at =
                    std::ranges::find(batches->given, done, &std::unique_ptr<EncodedBatch>::get);
                TAPEDECK_ASSERT(at != batches->given.end());
                if (batches->spare.size() < kSpareBatches) {
                    batches->spare.push_back(std::move(*at));
                }
                batches->given.erase(at);
            }};
}

EncodedBatch* EncodedBatchPool::find(const std::shared_ptr<const void>& prepared) const {
    const Lock lock(batches_->mutex);
    const auto at = std::ranges::find_if(
        batches_->given,
        [&](const std::unique_ptr<EncodedBatch>& one) { return one.get() == prepared.get(); });
    return at == batches_->given.end() ? nullptr : at->get();
}

}  // namespace tapedeck
