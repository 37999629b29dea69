#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tapedeck {

// A ZIP archive (APPNOTE 6.3) with one executable file, deflated. The same bytes give the same
// archive: its time is the format's first, 1980-01-01.
std::string zip_of(std::string_view name, std::string_view bytes);

}  // namespace tapedeck
