#pragma once

#include "app/assembly.h"

namespace tapedeck {

// Brings the coverage up to date for who has changed rows and is no recorder: whoever holds the
// lease does it himself. `lease_held`: it is the caller's.
Result<> settle_beside(Assembly& assembly, bool lease_held);

}  // namespace tapedeck
