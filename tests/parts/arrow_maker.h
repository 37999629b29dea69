#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "spark/arrow_c.h"

namespace tapedeck::parts {

// A message as a test writes it; no value is a null.
struct Message {
    std::int64_t offset = 0;
    std::optional<std::string> value;
    std::optional<std::int64_t> micros = 1'763'942'700'000'000;  // 2025-11-24T00:05:00Z
    std::string key = "bitcoin";
    std::string topic = "coin_topic";
    std::int32_t partition = 0;
};

// Makes Arrow arrays by hand, as the specification lays them out; nothing of Arrow's is linked.
// Counts what was not released.
class ArrowMaker {
public:
    explicit ArrowMaker(bool large = false) : large_(large) {}
    ~ArrowMaker();

    void make(const std::vector<Message>& messages, ArrowArray* array);
    void make(ArrowSchema* schema);
    // A stream of those arrays; `error`, where given, comes in place of the end.
    void stream(std::vector<std::vector<Message>> arrays, ArrowArrayStream* out,
                std::string error = "");
    int held() const { return held_; }

    // What the next schemas say in place of the right ones.
    void rename(std::size_t column, std::string name) { names_[column] = std::move(name); }
    void reformat(std::size_t column, std::string format) { formats_[column] = std::move(format); }

private:
    struct Column {
        std::vector<std::uint8_t> valid;
        std::vector<char> numbers;
        std::vector<char> bytes;
        const void* buffers[3]{};
        ArrowArray array{};
    };
    struct Table {
        ArrowMaker* maker = nullptr;
        std::deque<Column> columns;
        std::vector<ArrowArray*> children;
        const void* no_buffers[1]{};
    };
    struct Stream {
        ArrowMaker* maker = nullptr;
        std::deque<std::vector<Message>> arrays;
        std::string error;
    };
    void add_text(Table& table, const std::vector<std::optional<std::string>>& texts);
    template <class Number>
    void add_numbers(Table& table, const std::vector<std::optional<Number>>& numbers);
    void finish(Column& column, std::size_t length, std::int64_t buffers);

    const bool large_;
    int held_ = 0;
    std::vector<std::string> names_{"topic", "partition", "offset", "timestamp", "key", "value"};
    std::vector<std::string> formats_{"", "i", "l", "tsu:UTC", "", ""};
};

inline ArrowMaker::~ArrowMaker() { EXPECT_EQ(held_, 0) << "not released"; }

inline void ArrowMaker::finish(Column& column, std::size_t length, std::int64_t buffers) {
    column.buffers[0] = column.valid.data();
    column.buffers[1] = column.numbers.data();
    column.buffers[2] = column.bytes.data();
    column.array.length = static_cast<std::int64_t>(length);
    column.array.null_count = -1;
    column.array.n_buffers = buffers;
    column.array.buffers = column.buffers;
}

template <class Number>
void ArrowMaker::add_numbers(Table& table, const std::vector<std::optional<Number>>& numbers) {
    Column& column = table.columns.emplace_back();
    column.valid.resize(numbers.size() / 8 + 1);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const Number number = numbers[i].value_or(Number{});
        const auto* bytes = reinterpret_cast<const char*>(&number);
        column.numbers.insert(column.numbers.end(), bytes, bytes + sizeof number);
        if (numbers[i]) column.valid[i / 8] |= static_cast<std::uint8_t>(1U << (i % 8));
    }
    finish(column, numbers.size(), 2);
}

inline void ArrowMaker::add_text(Table& table,
                                 const std::vector<std::optional<std::string>>& texts) {
    std::vector<std::optional<std::int32_t>> small{0};
    std::vector<std::optional<std::int64_t>> large{0};
    std::string bytes;
    std::vector<std::uint8_t> valid(texts.size() / 8 + 1);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        bytes += texts[i].value_or("");
        small.emplace_back(static_cast<std::int32_t>(bytes.size()));
        large.emplace_back(static_cast<std::int64_t>(bytes.size()));
        if (texts[i]) valid[i / 8] |= static_cast<std::uint8_t>(1U << (i % 8));
    }
    if (large_) {
        add_numbers(table, large);
    } else {
        add_numbers(table, small);
    }
    Column& column = table.columns.back();
    column.valid = valid;
    column.bytes.assign(bytes.begin(), bytes.end());
    finish(column, texts.size(), 3);
}

inline void ArrowMaker::make(const std::vector<Message>& messages, ArrowArray* array) {
    auto* table = new Table{this, {}, {}, {}};
    std::vector<std::optional<std::string>> topics, keys, values;
    std::vector<std::optional<std::int32_t>> partitions;
    std::vector<std::optional<std::int64_t>> offsets, times;
    for (const Message& one : messages) {
        topics.emplace_back(one.topic);
        partitions.emplace_back(one.partition);
        offsets.emplace_back(one.offset);
        times.push_back(one.micros);
        keys.emplace_back(one.key);
        values.push_back(one.value);
    }
    add_text(*table, topics);
    add_numbers(*table, partitions);
    add_numbers(*table, offsets);
    add_numbers(*table, times);
    add_text(*table, keys);
    add_text(*table, values);
    for (Column& column : table->columns) table->children.push_back(&column.array);
    *array = ArrowArray{};
    array->length = static_cast<std::int64_t>(messages.size());
    array->n_buffers = 1;
    array->buffers = table->no_buffers;
    array->n_children = static_cast<std::int64_t>(table->children.size());
    array->children = table->children.data();
    array->private_data = table;
    array->release = [](ArrowArray* self) {
        const auto* own = static_cast<Table*>(self->private_data);
        --own->maker->held_;
        delete own;
        self->release = nullptr;
    };
    ++held_;
}

inline void ArrowMaker::make(ArrowSchema* schema) {
    struct Columns {
        ArrowMaker* maker;
        std::deque<std::pair<std::string, std::string>> texts;
        std::deque<ArrowSchema> all;
        std::vector<ArrowSchema*> children;
    };
    auto* own = new Columns{this, {}, {}, {}};
    for (std::size_t i = 0; i < names_.size(); ++i) {
        const std::string text = i == 0 ? (large_ ? "U" : "u") : (large_ ? "Z" : "z");
        own->texts.emplace_back(names_[i], formats_[i].empty() ? text : formats_[i]);
        ArrowSchema& child = own->all.emplace_back();
        child = ArrowSchema{};
        child.name = own->texts.back().first.c_str();
        child.format = own->texts.back().second.c_str();
        own->children.push_back(&child);
    }
    *schema = ArrowSchema{};
    schema->format = "+s";
    schema->name = "";
    schema->n_children = static_cast<std::int64_t>(own->children.size());
    schema->children = own->children.data();
    schema->private_data = own;
    schema->release = [](ArrowSchema* self) {
        const auto* columns = static_cast<Columns*>(self->private_data);
        --columns->maker->held_;
        delete columns;
        self->release = nullptr;
    };
    ++held_;
}

inline void ArrowMaker::stream(std::vector<std::vector<Message>> arrays, ArrowArrayStream* out,
                               std::string error) {
    *out = ArrowArrayStream{};
    out->private_data = new Stream{this, {arrays.begin(), arrays.end()}, std::move(error)};
    out->get_schema = [](ArrowArrayStream* self, ArrowSchema* schema) {
        static_cast<Stream*>(self->private_data)->maker->make(schema);
        return 0;
    };
    out->get_next = [](ArrowArrayStream* self, ArrowArray* array) {
        auto* own = static_cast<Stream*>(self->private_data);
        *array = ArrowArray{};
        if (own->arrays.empty()) return own->error.empty() ? 0 : 5;
        own->maker->make(own->arrays.front(), array);
        own->arrays.pop_front();
        return 0;
    };
    out->get_last_error = [](ArrowArrayStream* self) {
        return static_cast<Stream*>(self->private_data)->error.c_str();
    };
    out->release = [](ArrowArrayStream* self) {
        const auto* own = static_cast<Stream*>(self->private_data);
        --own->maker->held_;
        delete own;
        self->release = nullptr;
    };
    ++held_;
}

}  // namespace tapedeck::parts
