#pragma once

#include <string>
#include <string_view>
#include <tuple>

#include "base/result.h"
#include "base/secret.h"
#include "config/fields.h"

namespace tapedeck {

// Where a secret is to be found: exactly one of the two is set.
struct SecretSettings {
    std::string env;   // name of an environment variable
    std::string file;  // path; one line end at its end is dropped
    friend bool operator==(const SecretSettings&, const SecretSettings&) = default;
};

inline constexpr auto kSecretFields = std::tuple{
    field("env", &SecretSettings::env, "The environment variable that holds the secret.")
        .if_unset("file says it"),
    field("file", &SecretSettings::file,
          "The file that holds the secret; a line end at its end is dropped.")
        .if_unset("env says it"),
};

// The secret `name` of the configuration, read now from its environment variable or file (at most
// 64 KiB; one line end at its end is dropped). `rejected` where the configuration has none of that
// name, or the variable is unset; `unavailable` where the file cannot be read, or is empty. The
// error never holds the secret.
Result<Secret> find_secret(const Named<SecretSettings>& secrets, std::string_view name);

}  // namespace tapedeck
