#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/config_edit.h"

namespace tapedeck {

// What a file of Airflow variables means for the configuration.
struct ImportedVariables {
    std::vector<TomlChange> changes;  // the two feeds as they were, and their class-list sources
    std::string suggestion;  // TOML for the database and the broker that the file names: not put
                             // in force, and without the password; may be empty
    std::vector<std::string> notes;  // what the file lacks, and what is not taken from it
};

// Reads the earlier pipeline's variables, as Airflow exports them: one JSON object with
// `coin_scraping`, `stock_scraping`, `kafka`, `rds` and `spark`; each an object, a string that
// holds one, or {"value": …, "description": …}. One of the two *_scraping must be there. Foreign
// bytes. `malformed` names file, variable and key, every fault on a line of its own; a value is
// shown but for those of `rds`. Pure.
Result<ImportedVariables> read_variables(std::string_view json, std::string_view file);

// What the import did.
struct VariablesImport {
    EditedConfig edited;
    ImportedVariables variables;
};

// Puts a file's variables into the user's configuration file: keys in place, the suggestion as
// comments at its end. Nothing is written where the result would be wrong.
Result<VariablesImport> import_variables(const ConfigOptions& options,
                                         const std::string& json_path);

}  // namespace tapedeck
