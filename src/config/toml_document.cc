#include "config/toml_document.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "config/toml_bounds.h"
#include "config/toml_offsets.h"

namespace tapedeck {
namespace {

TomlPosition position(const toml::source_position& at) {
    return {static_cast<int>(at.line), static_cast<int>(at.column)};
}

std::string_view plain_value_at(TomlOffsets& offsets, TomlPosition at) {
    const std::size_t from = offsets.of(at);
    return offsets.text().substr(from, value_end(offsets.text(), from) - from);
}

TomlNode convert(const toml::node& node, TomlOffsets& offsets);

void convert_table(const toml::table& table, TomlOffsets& offsets, TomlNode& out) {
    out.kind = TomlKind::table;
    out.members.reserve(table.size());
    for (auto&& [key, value] : table) {
        TomlMember member{std::string(key.str()), convert(value, offsets)};
        member.value.key_at = position(key.source().begin);
        out.members.push_back(std::move(member));
    }
    std::stable_sort(out.members.begin(), out.members.end(),
                     [](const TomlMember& left, const TomlMember& right) {
                         const auto rank = [](const TomlNode& node) {
                             return std::pair(node.key_at.line, node.key_at.column);
                         };
                         return rank(left.value) < rank(right.value);
                     });
}

TomlNode convert(const toml::node& node, TomlOffsets& offsets) {
    TomlNode out;
    out.at = position(node.source().begin);
    if (const auto* table = node.as_table()) {
        convert_table(*table, offsets, out);
        return out;
    }
    if (const auto* array = node.as_array()) {
        out.kind = TomlKind::array;
        out.items.reserve(array->size());
        for (const toml::node& item : *array) out.items.push_back(convert(item, offsets));
        return out;
    }
    if (const auto* string = node.as_string()) {
        out.kind = TomlKind::string;
        out.text = string->get();
        return out;
    }
    out.text = plain_value_at(offsets, out.at);
    if (const auto* integer = node.as_integer()) {
        out.kind = TomlKind::integer;
        out.integer = integer->get();
    } else if (const auto* boolean = node.as_boolean()) {
        out.kind = TomlKind::boolean;
        out.boolean = boolean->get();
    } else {
        out.kind = node.is_floating_point() ? TomlKind::number : TomlKind::date;
    }
    return out;
}

// Behind the string that begins at `i`, of any of the four kinds.
std::size_t string_end(std::string_view text, std::size_t i) {
    const char quote = text[i];
    const std::string three(3, quote);
    const bool escapes = quote == '"';
    const bool multi_line = text.substr(i).starts_with(three);
    for (i += multi_line ? 3 : 1; i < text.size(); ++i) {
        if (escapes && text[i] == '\\') {
            ++i;
        } else if (multi_line && text.substr(i).starts_with(three)) {
            i += 3;
            // Up to two quotes may stand before the closing three.
            while (i < text.size() && text[i] == quote) ++i;
            return i;
        } else if (!multi_line && text[i] == quote) {
            return i + 1;
        }
    }
    return text.size();
}

std::size_t bracket_end(std::string_view text, std::size_t i) {
    int depth = 0;
    while (i < text.size()) {
        const char c = text[i];
        if (c == '"' || c == '\'') {
            i = string_end(text, i);
            continue;
        }
        if (c == '#') {
            i = std::min(text.find('\n', i), text.size());
            continue;
        }
        if (c == '[' || c == '{') ++depth;
        if (c == ']' || c == '}') --depth;
        ++i;
        if (depth == 0) return i;
    }
    return text.size();
}

bool is_bare(std::string_view key) {
    return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    });
}

}  // namespace

const TomlNode* TomlNode::find(std::string_view key) const {
    for (const TomlMember& member : members) {
        if (member.key == key) return &member.value;
    }
    return nullptr;
}

Result<TomlNode> parse_toml(std::string_view text, std::string_view file) {
    if (auto within = check_toml_bounds(text, file); !within) return within.error();
    try {
        const toml::table table = toml::parse(text);
        TomlNode root;
        TomlOffsets offsets(text);
        convert_table(table, offsets, root);
        return root;
    } catch (const toml::parse_error& error) {
        const TomlPosition at = position(error.source().begin);
        return Error{ErrorKind::malformed,
                     fmt::format("{}:{}:{}: {}", file, at.line, at.column, error.description())};
    }
}

TomlOffsets::TomlOffsets(std::string_view text) : text_(text) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') starts_.push_back(i + 1);
    }
}

std::size_t TomlOffsets::of(TomlPosition at) {
    if (at.line < 1 || static_cast<std::size_t>(at.line) > starts_.size()) return text_.size();
    std::size_t i = starts_[static_cast<std::size_t>(at.line) - 1];
    if (i == 0 && text_.starts_with("\xEF\xBB\xBF")) i = 3;  // toml++ counts no such mark
    int column = 1;
    if (last_at_.line == at.line && last_at_.column <= at.column) {
        i = last_offset_;
        column = last_at_.column;
    }
    for (; column < at.column && i < text_.size(); ++column) {
        ++i;
        while (i < text_.size() && (static_cast<unsigned char>(text_[i]) & 0xC0) == 0x80) ++i;
    }
    last_at_ = at;
    last_offset_ = i;
    return i;
}

std::size_t offset_of(std::string_view text, TomlPosition at) { return TomlOffsets(text).of(at); }

std::size_t value_end(std::string_view text, std::size_t begin) {
    if (begin >= text.size()) return text.size();
    if (text[begin] == '"' || text[begin] == '\'') return string_end(text, begin);
    if (text[begin] == '[' || text[begin] == '{') return bracket_end(text, begin);
    std::size_t end = std::min(text.find_first_of(",]}#\r\n", begin), text.size());
    while (end > begin && (text[end - 1] == ' ' || text[end - 1] == '\t')) --end;
    return end;
}

std::string describe(const TomlNode& node) {
    if (node.kind == TomlKind::table) return "a table";
    if (node.kind == TomlKind::array) return "a list";
    std::string text = node.kind == TomlKind::string ? toml_string(node.text) : node.text;
    if (text.size() > 60) {
        std::size_t end = 57;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
        text.resize(end);
        text += "...";
    }
    return text;
}

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
                    out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
                } else {
                    out += c;
                }
        }
    }
    return out + '"';
}

std::string toml_key(std::string_view key) {
    return is_bare(key) ? std::string(key) : toml_string(key);
}

std::string join_key(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) {
        if (!out.empty()) out += '.';
        out += toml_key(part);
    }
    return out;
}

Result<std::vector<std::string>> split_key(std::string_view path) {
    std::vector<std::string> parts;
    const Error fault{ErrorKind::malformed,
                      fmt::format("'{}' is not a key such as feed.coin.instruments", path)};
    // No name that we take holds these, and they would end the key early.
    if (path.find_first_of("=#\r\n") != path.npos) return fault;
    const Result<TomlNode> document = parse_toml(std::string(path) + " = 0", path);
    if (!document) return fault;
    const TomlNode* node = &*document;
    while (node->kind == TomlKind::table) {
        if (node->members.size() != 1) break;
        parts.push_back(node->members.front().key);
        node = &node->members.front().value;
    }
    return parts;
}

}  // namespace tapedeck
