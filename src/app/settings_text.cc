#include "app/settings_text.h"

#include "app/setting_tables.h"

namespace tapedeck {

std::vector<ShownValue> shown_values(const Settings& settings) {
    std::vector<ShownValue> values;
    ValueLister(values).list(settings, fields::kSettings);
    return values;
}

std::string effective_toml(const Settings& settings) { return as_toml(shown_values(settings)); }

std::string effective_toml(const Settings& settings, const Origins& origins) {
    return as_toml(shown_values(settings), origins);
}

std::vector<KeyDoc> described_settings() {
    std::vector<KeyDoc> docs;
    FieldDescriber(docs).describe(Settings{}, fields::kSettings, "");
    return docs;
}

Result<std::string> explain(std::string_view key) { return explain(described_settings(), key); }

std::string reference_page() {
    return std::string(
               "# Configuration\n\n"
               "Made from the program's own tables of options (`src/app/setting_tables.h` lists "
               "them); "
               "`tapedeck config explain KEY`\nsays the same. The file is TOML 1.0: the one that "
               "`--config` names, "
               "else the one that `$TAPEDECK_CONFIG`\nnames, else `./tapedeck.toml`, else none. It "
               "changes what is built in key by key, so it holds what differs\nand no more; "
               "`--set KEY=VALUE` changes one key for one command. Durations are written "
               "`\"10s\"`, "
               "`\"1h30m\"`,\n`\"90d\"`; bytes `\"8MiB\"`, `\"10GB\"`. Capital letters in a "
               "table's name "
               "stand for a name of your choice.\nA relative path counts from the working folder. "
               "Nothing is taken silently: an unknown key is an error.\n\nA file with a feed of a "
               "name of "
               "its own has no built-in feeds but those that it names, by `[feed.coin]` or\nin a "
               "DAG; "
               "`config check` says which are left out. A feed with `instruments = []` asks "
               "nobody.\n") +
           reference_tables(described_settings());
}

}  // namespace tapedeck
