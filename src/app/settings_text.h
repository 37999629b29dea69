#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/settings.h"
#include "base/result.h"
#include "config/option_text.h"

// What people are shown of the configuration. Pure; secrets are masked everywhere.
namespace tapedeck {

// Every value in force, in one fixed order.
std::vector<ShownValue> shown_values(const Settings& settings);

// The configuration in force as TOML, in one fixed order: equal settings give equal text, whatever
// files they came from. Its SHA-256 is the configuration's digest.
std::string effective_toml(const Settings& settings);

// The same, each line with where its value came from: `config show`.
std::string effective_toml(const Settings& settings, const Origins& origins);

// Tables and keys, in the order of the reference page.
std::vector<KeyDoc> described_settings();

// `explain` of those.
Result<std::string> explain(std::string_view key);

// docs/config.md.
std::string reference_page();

}  // namespace tapedeck
