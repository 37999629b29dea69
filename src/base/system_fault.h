#pragma once

#include <optional>
#include <string>

namespace tapedeck {

// What an errno says, in words: "No such file or directory". Where descriptors ran out it says how
// many this process may have, as that is what a person can change. Any thread.
std::string system_fault(int code);

// The same sentence where no descriptor is free at this moment, for libraries that tell nothing but
// that something could not be opened.
std::optional<std::string> missing_descriptors();

// Lets this process have as many descriptors as the machine allows it: most systems start programs
// with 1024, which many sources at once exceed. At most 65,536, as some libraries walk through all
// that could be there.
void raise_descriptor_limit();

}  // namespace tapedeck
