#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tapedeck {

// Where something stands in a text; both count from 1, 0 is unknown. Columns count code points.
struct TomlPosition {
    int line = 0;
    int column = 0;
    friend bool operator==(const TomlPosition&, const TomlPosition&) = default;
};

enum class TomlKind { string, integer, number, boolean, date, array, table };

struct TomlMember;

// A value of a TOML document, with the places where it and its key stand. There is no double:
// `text` of a number (one with a point or an exponent) is as written, for Decimal to read.
struct TomlNode {
    TomlKind kind = TomlKind::table;
    TomlPosition at;      // the value; of a [table], its header
    TomlPosition key_at;  // its key; unknown for an array's items
    std::string text;     // a string's value; of other plain values, the text as written
    std::int64_t integer = 0;
    bool boolean = false;
    bool loose = false;               // written on a command line: bare words stand for strings
    std::vector<TomlNode> items;      // of an array
    std::vector<TomlMember> members;  // of a table, in the order of the file
    const TomlNode* find(std::string_view key) const;
};

struct TomlMember {
    std::string key;
    TomlNode value;
};

// Reads TOML 1.0. `file` is for messages. `malformed`: "tapedeck.toml:3:7: …", the first fault,
// duplicate keys included. Pure; safe from any thread. The only user of toml++ is its .cc.
Result<TomlNode> parse_toml(std::string_view text, std::string_view file);

// Where a position lies in `text`, in bytes; its size where it lies beyond. And where a value that
// begins at the byte `begin` ends: strings, lists and inline tables whole. `text` must be TOML that
// parse_toml has read.
std::size_t offset_of(std::string_view text, TomlPosition at);
std::size_t value_end(std::string_view text, std::size_t begin);

// What stands there, for a message: "12", "\"ten\"", "a table", "a list". At most 60 bytes of it.
std::string describe(const TomlNode& node);

// `text` as a TOML basic string, quotes included; and `key` bare where it may be, else quoted.
std::string toml_string(std::string_view text);
std::string toml_key(std::string_view key);

// "feed.coin.instruments", parts quoted where they must be; and back. `malformed` on an empty part.
std::string join_key(const std::vector<std::string>& parts);
Result<std::vector<std::string>> split_key(std::string_view path);

}  // namespace tapedeck
