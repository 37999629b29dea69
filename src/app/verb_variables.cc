#include "app/variables.h"

#include <fmt/format.h>

#include <filesystem>

#include "app/verbs.h"
#include "base/json_writer.h"

namespace tapedeck {
namespace {

std::string name_of(const TomlChange& change) {
    std::string name;
    for (const std::string& table : change.table) name += table + ".";
    return name + change.key;
}

std::string json_of_variables(const ImportedVariables& variables, const std::string& file,
                              bool written) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("file").text(file).key("written").boolean(written);
    json.key("changes").begin_array();
    for (const TomlChange& change : variables.changes) {
        json.begin_object().key("key").text(name_of(change)).key("toml").text(change.value);
        json.end_object();
    }
    json.end_array().key("suggestion").text(variables.suggestion).key("notes").begin_array();
    for (const std::string& note : variables.notes) json.text(note);
    json.end_array().end_object();
    return out + "\n";
}

std::string text_of_variables(const ImportedVariables& variables) {
    std::string out;
    for (const TomlChange& change : variables.changes) {
        out += fmt::format("{} = {}\n", name_of(change), change.value);
    }
    if (variables.suggestion.empty()) return out;
    out += "# Not put in force:\n";
    for (std::size_t at = 0; at < variables.suggestion.size();) {
        const std::size_t end =
            std::min(variables.suggestion.find('\n', at), variables.suggestion.size());
        out += "# " + variables.suggestion.substr(at, end - at) + "\n";
        at = end + 1;
    }
    return out;
}

Exit show_variables(const Globals& globals, const ImportedVariables& variables,
                    const std::string& file, bool written) {
    if (globals.json) {
        print(json_of_variables(variables, file, written));
        return Exit::fine;
    }
    print(text_of_variables(variables));
    if (globals.quiet) return Exit::fine;
    for (const std::string& note : variables.notes) fail(Exit::fine, "note: " + note);
    fail(Exit::fine, written ? "written to " + file : "nothing was written");
    return Exit::fine;
}

}  // namespace

Exit verb_variables(const Globals& globals, const VariablesOptions& options) {
    TAPEDECK_ASSERT(options.action == "import");
    std::error_code ignored;
    if (!std::filesystem::exists(options.file, ignored)) {
        return fail(Exit::not_found, "there is no file " + options.file);
    }
    if (!options.dry_run) {
        const auto imported = import_variables(globals.config, options.file);
        if (!imported) return fail(imported.error());
        return show_variables(globals, imported->variables, imported->edited.file, true);
    }
    const auto text = read_text_file(options.file);
    if (!text) return fail(text.error());
    const auto variables = read_variables(*text, options.file);
    if (!variables) return fail(variables.error());
    const auto file = config_file(globals.config);
    if (!file) return fail(file.error());
    const std::string target = file->empty() ? "tapedeck.toml" : *file;
    std::string before;
    if (!file->empty()) {
        auto read = read_text_file(*file);
        if (!read) return fail(read.error());
        before = *std::move(read);
    }
    const auto after = change_toml(before, target, variables->changes);
    if (!after) return fail(after.error());
    if (const auto loaded = load_config_text(globals.config, *after, target); !loaded) {
        return fail(loaded.error());
    }
    return show_variables(globals, *variables, target, false);
}

}  // namespace tapedeck
