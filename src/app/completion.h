#pragma once

#include <string>

#include "app/command_words.h"

namespace tapedeck {

// A script to be sourced by the shell: `tapedeck completion bash > …/bash-completion/…/tapedeck`.
std::string completion_script(const std::string& shell, const CommandWords& words);

}  // namespace tapedeck
