#pragma once

#include <map>
#include <string>
#include <vector>

namespace tapedeck {

// One option or argument as the command line has it, in words.
struct OptionWords {
    std::string name;   // "--from"; of an argument its name
    std::string shown;  // "--from TIME", "-q, --quiet", "DAY"
    std::string help;
};

struct VerbWords {
    std::string help;
    std::vector<OptionWords> options;
};

// The verbs by name; "" has what every verb takes, and what the program is.
using CommandWords = std::map<std::string, VerbWords>;

}  // namespace tapedeck
