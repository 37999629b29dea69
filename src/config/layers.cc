#include "config/layers.h"

#include <fmt/format.h>

#include "base/url_text.h"

namespace tapedeck {
namespace {

void make_loose(TomlNode& node) {
    node.loose = true;
    for (TomlNode& item : node.items) make_loose(item);
    for (TomlMember& member : node.members) make_loose(member.value);
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

TomlNode word(std::string_view text) {
    TomlNode node;
    node.kind = TomlKind::string;
    node.text = text;
    return node;
}

// TOML where it is TOML; else [a, b] is a list of bare words, and anything else a text.
TomlNode value_of(std::string_view text) {
    if (text.find_first_of("\r\n") == text.npos) {
        auto document = parse_toml("value = " + std::string(text), "--set");
        if (document && document->members.size() == 1 && document->members[0].key == "value") {
            return std::move(document->members[0].value);
        }
    }
    if (text.size() < 2 || !text.starts_with('[') || !text.ends_with(']')) return word(text);
    TomlNode list;
    list.kind = TomlKind::array;
    std::string_view rest = text.substr(1, text.size() - 2);
    while (!trimmed(rest).empty()) {
        const std::size_t comma = rest.find(',');
        std::string_view item = trimmed(rest.substr(0, comma));
        if (item.size() >= 2 && item.front() == '"' && item.back() == '"') {
            item = item.substr(1, item.size() - 2);
        }
        list.items.push_back(word(item));
        rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
    }
    return list;
}

}  // namespace

void forget_positions(TomlNode& node) {
    node.at = node.key_at = {};
    for (TomlNode& item : node.items) forget_positions(item);
    for (TomlMember& member : node.members) forget_positions(member.value);
}

Result<ConfigLayer> layer_of_set(std::string_view assignment) {
    const std::size_t equals = assignment.find('=');
    const std::string_view path = trimmed(assignment.substr(0, equals));
    if (equals == assignment.npos || path.empty()) {
        // What was given is not shown: it may be a secret.
        return Error{ErrorKind::malformed,
                     "--set must be given KEY=VALUE, such as store.url=sqlite:prices.db"};
    }
    const auto parts = split_key(path);
    if (!parts) return Error{ErrorKind::malformed, "--set " + parts.error().what};
    if (!secrets_in_url(trimmed(assignment.substr(equals + 1))).empty()) {
        return Error{ErrorKind::rejected,
                     fmt::format("--set {}: a password on a command line is seen by every user of "
                                 "this machine: name a [secret], or write it into the file",
                                 path)};
    }
    TomlNode node = value_of(trimmed(assignment.substr(equals + 1)));
    for (auto part = parts->rbegin(); part != parts->rend(); ++part) {
        TomlNode table;
        table.members.push_back({*part, std::move(node)});
        node = std::move(table);
    }
    make_loose(node);
    forget_positions(node);
    return ConfigLayer{fmt::format("--set {}", path), std::move(node)};
}

}  // namespace tapedeck
