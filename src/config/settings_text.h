#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/field_text.h"
#include "config/settings.h"

// What people are shown of the configuration. Pure; secrets are masked everywhere.
namespace tapedeck {

// Every value in force, in one fixed order.
std::vector<ShownValue> shown_values(const Settings& settings);

// The configuration in force as TOML, in one fixed order: equal settings give equal text, whatever
// files they came from. Its SHA-256 is the configuration's digest.
std::string effective_toml(const Settings& settings);

// The same, each line with where its value came from: `config show`.
std::string effective_toml(const Settings& settings, const Origins& origins);

// Where the value of "feed.coin.topic" came from: "tapedeck.toml:12", or "default".
std::string origin_of(const Origins& origins, const ShownValue& value);

// Tables and keys, in the order of the reference page.
std::vector<KeyDoc> described_settings();

// `config explain`: all keys with a line each; of one table; or all about one key. Names stand for
// placeholders: feed.coin.topic and feed.NAME.topic are the same. `rejected` where there is no such
// key, with the nearest.
Result<std::string> explain(std::string_view key);

// docs/config.md.
std::string reference_page();

}  // namespace tapedeck
