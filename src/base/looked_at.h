#pragma once

#include <string>

#include "base/result.h"

namespace tapedeck {

// What a store or tape that was opened to be looked at says to those who would write.
inline Error only_looked_at(const std::string& name) {
    return {ErrorKind::rejected, name + ": was opened to be read, and is not written"};
}

}  // namespace tapedeck
