#pragma once

#include <memory>
#include <string>

#include "store/store.h"

namespace tapedeck {

// Takes the lease in the file `path` by flock(2), made where it is missing: the kernel lets go of
// it when its holder dies. The file says who holds it, for people. `conflict` where another process
// or another call in this one holds it.
Result<std::unique_ptr<Lease>> lease_file(const std::string& path, const std::string& holder);

}  // namespace tapedeck
