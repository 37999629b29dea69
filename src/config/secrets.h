#pragma once

#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "config/settings.h"

namespace tapedeck {

// The secret `name` of the configuration, read now from its environment variable or file (at most
// 64 KiB; one line end at its end is dropped). `rejected` where the configuration has none of that
// name, or the variable is unset; `unavailable` where the file cannot be read, or is empty. The
// error never holds the secret.
Result<Secret> find_secret(const Settings& settings, std::string_view name);

// The store's URL with the password of [store] secret put in; the URL as it is where none is named.
Result<StoreUrl> store_url_with_secret(const Settings& settings);

}  // namespace tapedeck
