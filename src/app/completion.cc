#include "app/completion.h"

#include <fmt/format.h>

#include "base/assert.h"

namespace tapedeck {
namespace {

// What a shell completes of a verb: its options; an argument is somebody's own word.
std::vector<std::string> options_of(const VerbWords& verb) {
    std::vector<std::string> options;
    for (const OptionWords& option : verb.options) {
        if (option.name.starts_with("--")) options.push_back(option.name);
    }
    return options;
}

std::string joined(const VerbWords& verb) {
    return fmt::format("{}", fmt::join(options_of(verb), " "));
}

std::string verbs_of(const CommandWords& words) {
    std::vector<std::string> verbs;
    for (const auto& [name, verb] : words) {
        if (!name.empty()) verbs.push_back(name);
    }
    return fmt::format("{}", fmt::join(verbs, " "));
}

std::string bash(const CommandWords& words) {
    std::string script =
        "_tapedeck() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} verb= i\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case ${COMP_WORDS[i]} in -*) ;; *) verb=${COMP_WORDS[i]}; break ;; esac\n"
        "    done\n"
        "    local options=\"" +
        joined(words.at("")) +
        "\"\n"
        "    case $verb in\n";
    for (const auto& [verb, options] : words) {
        if (!verb.empty())
            script += fmt::format("        {}) options+=\" {}\" ;;\n", verb, joined(options));
    }
    script += fmt::format("        '') options+=\" {}\" ;;\n", verbs_of(words));
    script +=
        "    esac\n"
        "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
        "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))\n"
        "}\n"
        "complete -o filenames -F _tapedeck tapedeck ./run\n";
    return script;
}

std::string zsh(const CommandWords& words) {
    std::string script =
        "#compdef tapedeck\n_tapedeck() {\n    local verb=${words[2]}\n    case $verb in\n";
    for (const auto& [verb, options] : words) {
        if (!verb.empty()) {
            script += fmt::format("        {}) compadd -- {} {}; _files ;;\n", verb,
                                  joined(options), joined(words.at("")));
        }
    }
    script +=
        fmt::format("        *) compadd -- {} {} ;;\n    esac\n}}\ncompdef _tapedeck tapedeck\n",
                    verbs_of(words), joined(words.at("")));
    return script;
}

std::string fish(const CommandWords& words) {
    std::string script =
        fmt::format("complete -c tapedeck -n __fish_use_subcommand -f -a '{}'\n", verbs_of(words));
    for (const auto& [verb, told] : words) {
        for (const std::string& option : options_of(told)) {
            script += verb.empty() ? fmt::format("complete -c tapedeck -l {}\n", option.substr(2))
                                   : fmt::format(
                                         "complete -c tapedeck -n '__fish_seen_subcommand_from {}' "
                                         "-l {}\n",
                                         verb, option.substr(2));
        }
    }
    return script;
}

}  // namespace

std::string completion_script(const std::string& shell, const CommandWords& words) {
    if (shell == "bash") return bash(words);
    if (shell == "zsh") return zsh(words);
    TAPEDECK_ASSERT(shell == "fish");
    return fish(words);
}

}  // namespace tapedeck
