#pragma once

#include <array>
#include <memory>
#include <optional>

#include "spark/arrow_c.h"
#include "spark/range_loader.h"

namespace tapedeck {

// Messages that come as Arrow arrays, without a copy of their bytes: each chunk keeps its array
// alive. What the columns must be stands at tapedeck_load in spark/abi.h. `malformed` names the
// column that is not so. Takes what it is given over: released at the end, by whoever is last.
class ArrowChunks : public ChunkSource {
public:
    explicit ArrowChunks(ArrowArrayStream* stream);
    ArrowChunks(ArrowArray* array, ArrowSchema* schema);
    ~ArrowChunks() override;
    ArrowChunks(const ArrowChunks&) = delete;
    ArrowChunks& operator=(const ArrowChunks&) = delete;

    Result<std::optional<Chunk>> next(std::size_t max_bytes) override;

private:
    enum Column { kTopic, kPartition, kOffset, kTimestamp, kKey, kValue };
    static constexpr std::size_t kColumns = 6;
    struct Place {
        std::int64_t child = -1;
        bool is_large = false;  // 64-bit offsets of texts
    };
    class Cells;

    Result<> read_schema();
    Result<> place_columns(const ArrowSchema& schema);
    Result<bool> next_array();

    ArrowArrayStream stream_{};
    ArrowArray only_{};
    ArrowSchema schema_{};
    bool has_places_ = false;
    std::array<Place, kColumns> places_{};
    std::shared_ptr<ArrowArray> array_;  // shared: with the chunks that show it
    std::int64_t row_ = 0;               // the next of it
};

}  // namespace tapedeck
