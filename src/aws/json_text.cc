#include "aws/json_text.h"

#include <simdjson.h>

#include <algorithm>

namespace tapedeck {
namespace {

std::optional<std::string> text_of(simdjson::dom::element element) {
    std::string_view text;
    if (element.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
    if (element.is_null()) return std::nullopt;
    return simdjson::minify(element);
}

}  // namespace

struct JsonText::Parsed {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
};

Result<JsonText> JsonText::parse(std::string_view text) {
    auto parsed = std::make_unique<Parsed>();
    const simdjson::padded_string bytes(text);
    if (parsed->parser.parse(bytes).get(parsed->root) != simdjson::SUCCESS ||
        !parsed->root.is_object()) {
        return Error{ErrorKind::malformed, "is no JSON object"};
    }
    return JsonText(std::move(parsed));
}

JsonText::JsonText(std::unique_ptr<Parsed> parsed) : parsed_(std::move(parsed)) {}
JsonText::JsonText(JsonText&&) noexcept = default;
JsonText& JsonText::operator=(JsonText&&) noexcept = default;
JsonText::~JsonText() = default;

std::optional<std::string> JsonText::find(std::string_view pointer) const {
    simdjson::dom::element found;
    if (parsed_->root.at_pointer(pointer).get(found) != simdjson::SUCCESS) return std::nullopt;
    return text_of(found);
}

std::map<std::string, std::string> JsonText::texts(std::string_view pointer) const {
    std::map<std::string, std::string> out;
    simdjson::dom::object object;
    if (parsed_->root.at_pointer(pointer).get_object().get(object) != simdjson::SUCCESS) return out;
    for (const auto& [name, value] : object) {
        if (auto text = text_of(value)) out.emplace(std::string(name), *std::move(text));
    }
    return out;
}

std::string JsonText::any_case(std::string_view name) const {
    simdjson::dom::element found;
    simdjson::dom::object object;
    if (parsed_->root.get_object().get(object) != simdjson::SUCCESS ||
        object.at_key_case_insensitive(std::string(name)).get(found) != simdjson::SUCCESS) {
        return {};
    }
    return text_of(found).value_or("");
}

}  // namespace tapedeck
