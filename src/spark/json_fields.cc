#include "spark/json_fields.h"

#include <fmt/format.h>

#include <set>

namespace tapedeck {
namespace {

Error wrong(std::string what) { return {ErrorKind::malformed, std::move(what)}; }

}  // namespace

Result<> read_object(const simdjson::dom::element& value, std::string_view place,
                     std::span<const JsonField> fields) {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return wrong(fmt::format("{} is no object", place));
    std::set<std::string_view> seen;
    for (const auto& [key, inner] : object) {
        const JsonField* known = nullptr;
        std::string names;
        for (const JsonField& field : fields) {
            if (field.key == key) known = &field;
            names += (names.empty() ? "" : ", ") + std::string(field.key);
        }
        if (known == nullptr) {
            return wrong(fmt::format("{} has the unknown key {}; there are: {}", place,
                                     in_quotes(key), names));
        }
        if (!seen.insert(known->key).second) {
            return wrong(fmt::format("{} has the key {} twice", place, key));
        }
        if (auto read = known->read(inner); !read) {
            return in_context(fmt::format("{}, {}", place, key), read.error());
        }
    }
    for (const JsonField& field : fields) {
        if (field.required && !seen.contains(field.key)) {
            return wrong(fmt::format("{} lacks the key {}", place, field.key));
        }
    }
    return {};
}

Result<> read_object(const simdjson::dom::element& value, std::string_view place,
                     std::initializer_list<JsonField> fields) {
    return read_object(value, place, std::span(fields.begin(), fields.size()));
}

Result<> read_object(std::string_view text, std::string_view place,
                     std::initializer_list<JsonField> fields) {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    const simdjson::padded_string bytes(text);
    if (const auto fault = parser.parse(bytes).get(root); fault != simdjson::SUCCESS) {
        return wrong(fmt::format("{} is no JSON: {}", place, simdjson::error_message(fault)));
    }
    return read_object(root, place, fields);
}

Result<> read_text(const simdjson::dom::element& value, std::string& out) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return wrong("must be a string");
    if (text.find('\0') != text.npos) return wrong("holds a zero byte");
    out = text;
    return {};
}

Result<> read_number(const simdjson::dom::element& value, std::int64_t least, std::int64_t most,
                     std::int64_t& out) {
    std::int64_t number = 0;
    if (value.get(number) != simdjson::SUCCESS || number < least || number > most) {
        return wrong(fmt::format("must be a whole number of {} to {}", least, most));
    }
    out = number;
    return {};
}

Result<> read_each(const simdjson::dom::element& value,
                   const std::function<Result<>(const simdjson::dom::element&)>& read) {
    simdjson::dom::array array;
    if (value.get(array) != simdjson::SUCCESS) return wrong("must be a list");
    for (const auto& one : array) {
        if (auto done = read(one); !done) return done;
    }
    return {};
}

}  // namespace tapedeck
