#include "app/man_page.h"

#include <fmt/format.h>

namespace tapedeck {
namespace {

// As text that troff takes for nothing else: its escapes, its hyphens, its lines of commands.
std::string roff(const std::string& text) {
    std::string out;
    for (const char c : text) {
        const bool begins_line = out.empty() || out.back() == '\n';
        if (begins_line && (c == '.' || c == '\'')) out += "\\&";
        if (c == '\\') {
            out += "\\e";
        } else if (c == '-') {
            out += "\\-";
        } else {
            out += c;
        }
    }
    return out;
}

std::string section(const std::string& name, const std::string& text) {
    return fmt::format(".SH {}\n{}\n", name, roff(text));
}

std::string option_paragraphs(const VerbWords& verb, bool is_program) {
    std::string page;
    for (const OptionWords& option : verb.options) {
        if (option.name == "--help" && !is_program) continue;  // every verb has it
        page += fmt::format(".TP\n.B {}\n{}\n", roff(option.shown), roff(option.help));
    }
    return page;
}

}  // namespace

std::string man_page(const std::string& version, const CommandWords& words) {
    const VerbWords& program = words.at("");
    std::string page =
        fmt::format(".TH TAPEDECK 1 \"\" \"tapedeck {}\" \"User commands\"\n", roff(version));
    page += section("NAME", "tapedeck - records market prices, exactly and completely");
    page += section("SYNOPSIS", "tapedeck [OPTION ...] VERB [OPTION ...] [ARGUMENT ...]");
    page += section("DESCRIPTION", program.help);
    page += ".SH OPTIONS OF EVERY VERB\n" + option_paragraphs(program, true) + ".SH VERBS\n";
    for (const auto& [name, verb] : words) {
        if (name.empty()) continue;
        page += fmt::format(".SS {}\n{}\n{}", roff(name), roff(verb.help),
                            option_paragraphs(verb, false));
    }
    page += section("FILES",
                    "./tapedeck.toml, else the file of $TAPEDECK_CONFIG or --config. `tapedeck "
                    "config reference` has each key of it, `tapedeck config explain KEY` one.");
    return page;
}

}  // namespace tapedeck
