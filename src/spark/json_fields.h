#pragma once

#include <simdjson.h>

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tapedeck {

// Reads what is passed through the ABI as JSON: every key is known, and stands once.

struct JsonField {
    std::string_view key;
    std::function<Result<>(const simdjson::dom::element&)> read;
    bool required = false;
};

// `malformed` names the key that is unknown, missing, said twice, or not what it has to be.
Result<> read_object(const simdjson::dom::element& value, std::string_view place,
                     std::span<const JsonField> fields);
Result<> read_object(const simdjson::dom::element& value, std::string_view place,
                     std::initializer_list<JsonField> fields);
Result<> read_object(std::string_view text, std::string_view place,
                     std::initializer_list<JsonField> fields);

Result<> read_text(const simdjson::dom::element& value, std::string& out);
Result<> read_number(const simdjson::dom::element& value, std::int64_t least, std::int64_t most,
                     std::int64_t& out);
Result<> read_each(const simdjson::dom::element& value,
                   const std::function<Result<>(const simdjson::dom::element&)>& read);

}  // namespace tapedeck
