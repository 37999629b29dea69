#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "store/postgres/postgres_copy.h"
#include "store/store.h"

namespace tapedeck {

// The rows of a batch as COPY BINARY, by table, over all of its partitions.
class EncodedBatch {
public:
    struct Part {
        PriceTable table;
        std::vector<RecordPlace> places;  // of the rows, in order
        std::string_view bytes;

    private:
        friend class EncodedBatch;
        CopyBuffer buffer_;
        std::vector<std::size_t> stamps_;  // where each row's recorded_at stands in it
    };

    // May be called again for another batch; the memory is kept.
    void encode(const Batch& batch);
    // Writes the time of recording into every row. Before the first stamp it is 2000-01-01.
    void stamp(Timestamp recorded_at);

    std::span<const Part> parts() const { return {parts_.data(), used_}; }
    const std::vector<DeadLetter>& refused() const { return refused_; }    // that cannot be rows
    const std::vector<std::int64_t>& rows_of() const { return rows_of_; }  // by advance

private:
    Part& part_of(const PriceTable& table);

    std::vector<Part> parts_;
    std::size_t used_ = 0;
    std::vector<DeadLetter> refused_;
    std::vector<std::int64_t> rows_of_;
};

// Hands out encoded batches in the memory of those that are done with, and knows them again. Any
// thread.
class EncodedBatchPool {
public:
    std::shared_ptr<EncodedBatch> take();
    // Of those that it gave, the one that `prepared` is; none where that is another's, or empty.
    EncodedBatch* find(const std::shared_ptr<const void>& prepared) const;

private:
    struct Batches {
        Mutex mutex;
        std::vector<std::unique_ptr<EncodedBatch>> given TAPEDECK_GUARDED_BY(mutex);
        std::vector<std::unique_ptr<EncodedBatch>> spare TAPEDECK_GUARDED_BY(mutex);
    };
    const std::shared_ptr<Batches> batches_ = std::make_shared<Batches>();  // outlives the pool
};

}  // namespace tapedeck
