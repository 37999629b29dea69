#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tapedeck {

// A JSON answer of AWS, read by JSON pointers (RFC 6901).
class JsonText {
public:
    // `malformed` where it is no JSON object.
    static Result<JsonText> parse(std::string_view text);
    JsonText(JsonText&&) noexcept;
    JsonText& operator=(JsonText&&) noexcept;
    ~JsonText();

    // A string, or a number as a text; nothing where there is none, or null.
    std::optional<std::string> find(std::string_view pointer) const;
    std::string text(std::string_view pointer) const { return find(pointer).value_or(""); }
    // The texts of the object there, by name.
    std::map<std::string, std::string> texts(std::string_view pointer) const;
    // The first of the names (of the object at the top, whatever the case of its letters).
    std::string any_case(std::string_view name) const;

private:
    struct Parsed;
    explicit JsonText(std::unique_ptr<Parsed> parsed);
    std::unique_ptr<Parsed> parsed_;
};

}  // namespace tapedeck
