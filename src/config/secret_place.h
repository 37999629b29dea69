#pragma once

#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "config/settings.h"

namespace tapedeck {

// The secret at this place, read now, as find_secret has it; `name` is for people.
Result<Secret> read_secret(std::string_view name, const SecretSettings& place);

}  // namespace tapedeck
