#include <fmt/format.h>

#include "app/config_edit.h"
#include "app/load_globals.h"
#include "app/verbs.h"
#include "base/json_writer.h"

namespace tapedeck {
namespace {

void write_instruments(JsonWriter& json, const std::vector<std::string>& instruments) {
    json.begin_array();
    for (const std::string& instrument : instruments) json.text(instrument);
    json.end_array();
}

Exit list_instruments(const Globals& globals, const std::string& feed) {
    const auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    Table table({{"feed"}, {"instrument"}, {"sources"}});
    bool found = feed.empty();
    for (const auto& [name, settings] : config->settings.feeds) {
        if (!feed.empty() && feed != name) continue;
        found = true;
        json.key(name);
        write_instruments(json, settings.instruments);
        std::string sources;
        for (const std::string& source : settings.sources) {
            sources += (sources.empty() ? "" : ", ") + source;
        }
        for (const std::string& one : settings.instruments) table.add({name, one, sources});
    }
    json.end_object();
    if (!found) return fail(Exit::not_found, "there is no feed " + feed);
    if (globals.json) {
        print(out + "\n");
    } else {
        table.print();
    }
    return Exit::fine;
}

// What is wrong with the number of words; empty where nothing is.
std::string fault_of(const InstrumentsOptions& options) {
    if (options.action == "list") {
        return options.instrument.empty() ? "" : "`instruments list` takes a feed at most";
    }
    if (options.feed.empty() || options.instrument.empty()) {
        return fmt::format("`instruments {}` needs a feed and an instrument", options.action);
    }
    if ((options.action == "rename") == options.new_name.empty()) {
        return options.action == "rename" ? "`instruments rename` needs the new name as well"
                                          : "only `instruments rename` takes a new name";
    }
    return {};
}

// The exit code for an edit that was refused: 3 where what it names is not there.
Exit tell_refusal(const Globals& globals, const InstrumentsOptions& options, const Error& error) {
    // A pipe that was refused must not be waited for after all.
    const auto file = config_file(globals.config);
    if (!file || (!file->empty() && !may_be_replaced(*file))) return fail(error);
    const auto config = load_globals(globals);
    if (!config) return fail(error);
    const auto feed = config->settings.feeds.find(options.feed);
    if (feed == config->settings.feeds.end()) return fail(Exit::not_found, error.what);
    const auto& names = feed->second.instruments;
    const bool there = std::find(names.begin(), names.end(), options.instrument) != names.end();
    if (!there && options.action != "add") return fail(Exit::not_found, error.what);
    return fail(error);
}

}  // namespace

Exit verb_instruments(const Globals& globals, const InstrumentsOptions& options) {
    if (const std::string fault = fault_of(options); !fault.empty()) {
        return fail(Exit::usage, fault);
    }
    if (options.action == "list") return list_instruments(globals, options.feed);
    if (globals.config.file == "demo") {
        return fail(Exit::usage, "the demo's configuration is built in and cannot be edited");
    }
    using Action = InstrumentEdit::Action;
    const Action action = options.action == "add"      ? Action::add
                          : options.action == "remove" ? Action::remove
                                                       : Action::rename;
    const auto edited = edit_instruments(
        globals.config, {action, options.feed, options.instrument, options.new_name});
    if (!edited) return tell_refusal(globals, options, edited.error());
    if (globals.json) {
        std::string out;
        JsonWriter json(out);
        json.begin_object().key("file").text(edited->file);
        json.key("created").boolean(edited->created).key("before");
        write_instruments(json, edited->before);
        json.key("after");
        write_instruments(json, edited->after);
        json.key("digest").text(edited->config.digest).end_object();
        print(out + "\n");
        return Exit::fine;
    }
    Table table({{"feed"}, {"instrument"}});
    for (const std::string& one : edited->after) table.add({options.feed, one});
    table.print();
    if (!globals.quiet) {
        fail(Exit::fine, fmt::format("{} {}", edited->created ? "made" : "changed", edited->file));
        if (action == Action::rename) {
            fail(Exit::fine,
                 fmt::format("what was recorded as {0} stays {0}: its prices, gaps and pages keep "
                             "that name, and every verb still shows them by it. From the "
                             "recorder's next start on {1} is asked for, as an instrument with no "
                             "past",
                             options.instrument, options.new_name));
        }
    }
    return Exit::fine;
}

}  // namespace tapedeck
