#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "base/result.h"

namespace tapedeck {

// One key to be given a value; `value` is TOML.
struct TomlChange {
    std::vector<std::string> table;
    std::string key;
    std::string value;
};

// `text` with the changes made, and every other byte as it was: a value is replaced in place, a
// missing key is put under its table's header, a missing table at the end. Of a list that stands
// there and a list to stand there only the strings that differ are touched, so that comments
// between them stay. `malformed` where `text` is no TOML, `rejected` where the text is written in
// a way that cannot be changed in place: the error names the line.
Result<std::string> change_toml(std::string_view text, const std::string& file,
                                std::span<const TomlChange> changes);

// `instruments add|remove|rename FEED INSTRUMENT [NEW]`.
struct InstrumentEdit {
    enum class Action { add, remove, rename };
    Action action;
    std::string feed;
    std::string instrument;
    std::string new_name;  // of rename
};

// What was done to the user's file.
struct EditedConfig {
    std::string file;
    bool created = false;
    std::vector<std::string> before;
    std::vector<std::string> after;
    LoadedConfig config;  // as it is now in force
};

// Makes the edit in the file that the options name (./tapedeck.toml where none is there), judges
// the whole configuration, and only then replaces the file. `rejected`: no such feed or instrument,
// there already, or the configuration would be wrong; then nothing was written.
Result<EditedConfig> edit_instruments(const ConfigOptions& options, const InstrumentEdit& edit);

// Makes any changes in the same way. `suggestion`, TOML, is put at the end as comments, unless it
// stands there already.
Result<EditedConfig> edit_config(const ConfigOptions& options, std::span<const TomlChange> changes,
                                 std::string_view suggestion = {});

// Puts `text` in the place of `path`'s content in one step, durable once it returns: a reader sees
// the old file or the new one. Mode and owner stay; a symbolic link stays one. `expected` is what
// the file held when it was read (nothing: it was not there): `conflict` where it has changed.
Result<> replace_file(const std::string& path, std::string_view text,
                      const std::optional<std::string>& expected);

// `rejected` where `path` is a pipe, a device, a folder or the like, whose content has no place.
Result<> may_be_replaced(const std::string& path);

}  // namespace tapedeck
