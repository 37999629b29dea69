#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/field_text.h"

// What people are shown of options and their values. Pure; secrets are masked everywhere.
namespace tapedeck {

// Values as TOML; and the same, each line with where its value came from.
std::string as_toml(const std::vector<ShownValue>& values);
std::string as_toml(const std::vector<ShownValue>& values, const Origins& origins);

// Where the value of "feed.coin.topic" came from: "tapedeck.toml:12", or "default".
std::string origin_of(const Origins& origins, const ShownValue& value);

// `config explain`: all keys with a line each; of one table; or all about one key. Names stand for
// placeholders: feed.coin.topic and feed.NAME.topic are the same. `rejected` where there is no such
// key, with the nearest.
Result<std::string> explain(const std::vector<KeyDoc>& docs, std::string_view key);

// A heading for each table, and a row for each key, in Markdown.
std::string reference_tables(const std::vector<KeyDoc>& docs);

}  // namespace tapedeck
