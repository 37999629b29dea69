#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "config/toml_document.h"

namespace tapedeck {

// One document of a configuration. `file` names it in messages and origins.
struct ConfigLayer {
    std::string file;
    TomlNode document;
    bool built_in = false;
};

// Of a text that nobody can open, whose lines would only mislead.
void forget_positions(TomlNode& node);

// The layer of one `--set KEY=VALUE`. VALUE is TOML, or a bare word, or [bare, words]. `malformed`
// where there is no KEY=.
Result<ConfigLayer> layer_of_set(std::string_view assignment);

}  // namespace tapedeck
