#include "spark/arrow_chunks.h"

#include <fmt/format.h>

#include <cstring>
#include <string_view>

#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

constexpr std::array<std::string_view, 6> kNames{"topic",     "partition", "offset",
                                                 "timestamp", "key",       "value"};

template <class Structure>
void release(Structure& structure) {
    if (structure.release != nullptr) structure.release(&structure);
}

// What was given is ours from now on; its giver sees it released.
template <class Structure>
void take(Structure* from, Structure& to) {
    if (from == nullptr) return;
    to = *from;
    from->release = nullptr;
}

bool is_null(const ArrowArray& column, std::int64_t row) {
    const auto* bits = static_cast<const std::uint8_t*>(column.buffers[0]);
    return bits != nullptr && (bits[row / 8] >> (row % 8) & 1) == 0;
}

template <class Number>
Number number(const ArrowArray& column, std::int64_t row) {
    return static_cast<const Number*>(column.buffers[1])[row];
}

}  // namespace

// One row of an array, in the places of its columns.
class ArrowChunks::Cells {
public:
    Cells(const ArrowArray& array, const std::array<Place, kColumns>& places, std::int64_t row)
        : array_(array), places_(places), row_(row) {}

    bool null(Column column) const { return is_null(child(column), at(column)); }
    template <class Number>
    Number value(Column column) const {
        return number<Number>(child(column), at(column));
    }
    std::string_view text(Column column) const {
        const ArrowArray& texts = child(column);
        const std::int64_t row = at(column);
        if (is_null(texts, row)) return {};
        const auto [begin, end] = places_[column].is_large ? bounds<std::int64_t>(texts, row)
                                                           : bounds<std::int32_t>(texts, row);
        if (end == begin) return {};
        return {static_cast<const char*>(texts.buffers[2]) + begin,
                static_cast<std::size_t>(end - begin)};
    }

private:
    const ArrowArray& child(Column column) const { return *array_.children[places_[column].child]; }
    std::int64_t at(Column column) const { return array_.offset + child(column).offset + row_; }
    template <class Number>
    static std::pair<std::int64_t, std::int64_t> bounds(const ArrowArray& texts, std::int64_t row) {
        return {number<Number>(texts, row), number<Number>(texts, row + 1)};
    }

    const ArrowArray& array_;
    const std::array<Place, kColumns>& places_;
    const std::int64_t row_;
};

ArrowChunks::ArrowChunks(ArrowArrayStream* stream) { take(stream, stream_); }

ArrowChunks::ArrowChunks(ArrowArray* array, ArrowSchema* schema) {
    take(array, only_);
    take(schema, schema_);
}

ArrowChunks::~ArrowChunks() {
    release(only_);
    release(schema_);
    release(stream_);
}

Result<> ArrowChunks::read_schema() {
    if (stream_.release != nullptr && stream_.get_schema(&stream_, &schema_) != 0) {
        const char* why = stream_.get_last_error(&stream_);
        return Error{ErrorKind::malformed, fmt::format("the stream has no schema: {}",
                                                       why == nullptr ? "no word of why" : why)};
    }
    auto placed = place_columns(schema_);
    has_places_ = static_cast<bool>(placed);
    return placed;
}

Result<> ArrowChunks::place_columns(const ArrowSchema& schema) {
    if (schema.format == nullptr || std::string_view(schema.format) != "+s") {
        return Error{ErrorKind::malformed, "the messages are no struct of columns"};
    }
    for (std::int64_t i = 0; i < schema.n_children; ++i) {
        const ArrowSchema& child = *schema.children[i];
        const std::string_view name = child.name == nullptr ? "" : child.name;
        const std::string_view format = child.format;
        for (std::size_t column = 0; column < kColumns; ++column) {
            if (name != kNames[column]) continue;
            const bool is_text = column == kTopic || column == kKey || column == kValue;
            const bool is_large = format == "U" || format == "Z";
            const bool fits = (is_text && (is_large || format == "u" || format == "z")) ||
                              (column == kPartition && format == "i") ||
                              (column == kOffset && format == "l") ||
                              (column == kTimestamp && format.starts_with("tsu:"));
            if (!fits || child.dictionary != nullptr) {
                return Error{ErrorKind::malformed,
                             fmt::format("the column {} has the Arrow format {}, which is not read",
                                         name, in_quotes(format))};
            }
            places_[column] = {i, is_large};
        }
    }
    for (std::size_t column = 0; column < kColumns; ++column) {
        if (places_[column].child < 0) {
            return Error{ErrorKind::malformed,
                         fmt::format("the messages have no column {}", kNames[column])};
        }
    }
    return {};
}

// The next array that holds rows becomes array_; false at the end.
Result<bool> ArrowChunks::next_array() {
    const auto give_back = [](ArrowArray* array) {
        release(*array);
        delete array;
    };
    for (;;) {
        array_.reset(new ArrowArray{}, give_back);
        row_ = 0;
        if (stream_.release == nullptr) {
            take(&only_, *array_);
        } else if (stream_.get_next(&stream_, array_.get()) != 0) {
            const char* why = stream_.get_last_error(&stream_);
            return Error{ErrorKind::unavailable,
                         fmt::format("the messages end with an error: {}",
                                     why == nullptr ? "no word of why" : why)};
        }
        if (array_->release == nullptr) {
            array_.reset();
            return false;
        }
        if (array_->length > 0) return true;
    }
}

Result<std::optional<Chunk>> ArrowChunks::next(std::size_t max_bytes) {
    const bool is_empty = stream_.release == nullptr && only_.release == nullptr && !array_;
    if (is_empty) return std::optional<Chunk>();
    if (!has_places_) {
        if (auto read = read_schema(); !read) return read.error();
    }
    if (!array_ || row_ == array_->length) {
        const auto more = next_array();
        if (!more) return more.error();
        if (!*more) return std::optional<Chunk>();
    }
    std::optional<Chunk> chunk;
    std::size_t bytes = 0;
    for (; row_ < array_->length; ++row_) {
        const Cells cells(*array_, places_, row_);
        if (cells.null(kTopic) || cells.null(kPartition) || cells.null(kOffset)) {
            return Error{ErrorKind::malformed, "a message has no topic, partition or offset"};
        }
        const std::string_view topic = cells.text(kTopic);
        const Partition partition(cells.value<std::int32_t>(kPartition));
        const Offset offset(cells.value<std::int64_t>(kOffset));
        const std::string_view value = cells.text(kValue);
        if (!chunk) {
            chunk = Chunk{{std::string(topic), partition}, offset, offset, {}, array_};
            chunk->messages.reserve(static_cast<std::size_t>(array_->length - row_));
        } else if (chunk->at.topic != topic || chunk->at.partition != partition ||
                   bytes + value.size() > max_bytes) {
            break;
        }
        bytes += value.size();
        // Kafka counts milliseconds, Spark shows them as microseconds.
        std::optional<Timestamp> time;
        if (!cells.null(kTimestamp)) {
            const auto micros = std::chrono::microseconds(cells.value<std::int64_t>(kTimestamp));
            time = message_time(std::chrono::floor<std::chrono::milliseconds>(micros).count());
        }
        chunk->messages.push_back({offset, time, cells.text(kKey), value});
        chunk->next = tapedeck::next(offset);
    }
    return chunk;
}

}  // namespace tapedeck
