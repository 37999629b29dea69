#include <fmt/format.h>

#include "app/load_globals.h"
#include "app/settings_text.h"
#include "app/verbs.h"
#include "base/json_writer.h"

namespace tapedeck {
namespace {

std::string path_of(const ShownValue& value) {
    std::string path;
    for (const std::string& table : value.table) path += table + ".";
    return path + value.key;
}

Exit show_config(const Globals& globals) {
    const auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    if (!globals.json) {
        print(effective_toml(config->settings, config->origins));
        return Exit::fine;
    }
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("file");
    if (config->file.empty()) {
        json.null();
    } else {
        json.text(config->file);
    }
    json.key("digest").text(config->digest).key("values").begin_array();
    for (const ShownValue& value : shown_values(config->settings)) {
        json.begin_object().key("key").text(path_of(value)).key("toml").text(value.toml);
        json.key("from").text(origin_of(config->origins, value)).end_object();
    }
    json.end_array().end_object();
    print(out + "\n");
    return Exit::fine;
}

void write_doc(JsonWriter& json, const KeyDoc& doc) {
    json.begin_object().key("table").text(doc.table).key("key").text(doc.key);
    json.key("type").text(doc.type).key("default").text(doc.default_text);
    json.key("limits").text(doc.limits).key("example").text(doc.example);
    json.key("help").text(doc.help).end_object();
}

Exit explain_key(const Globals& globals, const std::string& key) {
    const auto text = explain(key);
    if (!text) return fail(Exit::not_found, text.error().what);
    if (!globals.json) {
        print(*text);
        return Exit::fine;
    }
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("text").text(*text);
    if (key.empty()) {
        json.key("keys").begin_array();
        for (const KeyDoc& doc : described_settings()) write_doc(json, doc);
        json.end_array();
    }
    json.end_object();
    print(out + "\n");
    return Exit::fine;
}

void write_list(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
    json.key(key).begin_array();
    for (const std::string& text : texts) json.text(text);
    json.end_array();
}

Exit check_config(const Globals& globals) {
    const auto report = check_config(globals.config);
    if (!report) return fail(Exit::failed, report.error().what);
    if (globals.json) {
        std::string out;
        JsonWriter json(out);
        json.begin_object().key("file").text(report->file);
        write_list(json, "faults", report->faults);
        write_list(json, "notes", report->notes);
        json.end_object();
        print(out + "\n");
    } else {
        const std::string name = report->file.empty() ? "what is built in" : report->file;
        std::string out;
        for (const std::string& fault : report->faults) out += fault + "\n";
        for (const std::string& note : report->notes) out += "note: " + note + "\n";
        if (report->faults.empty()) out += fmt::format("{}: fine\n", name);
        print(out);
    }
    return report->faults.empty() ? Exit::fine : Exit::failed;
}

}  // namespace

Exit verb_config(const Globals& globals, const ConfigVerbOptions& options) {
    if (!options.key.empty() && options.action != "explain") {
        return fail(Exit::usage, "a key goes with `config explain` alone");
    }
    if (options.action == "show") return show_config(globals);
    if (options.action == "explain") return explain_key(globals, options.key);
    if (options.action == "check") return check_config(globals);
    TAPEDECK_ASSERT(options.action == "reference");
    print(reference_page());
    return Exit::fine;
}

}  // namespace tapedeck
