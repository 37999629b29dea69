#pragma once

#include <map>
#include <string>
#include <vector>

namespace tapedeck {

// Options by verb; "" has those that every verb takes.
using CompletionWords = std::map<std::string, std::vector<std::string>>;

// A script to be sourced by the shell: `tapedeck completion bash > …/bash-completion/…/tapedeck`.
std::string completion_script(const std::string& shell, const CompletionWords& words);

}  // namespace tapedeck
