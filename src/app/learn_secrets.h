#pragma once

#include "app/settings.h"
#include "sources/source.h"

namespace tapedeck {

// Makes known what the configuration, the environment and the sources hold that must not be shown:
// every [secret] that can be read now, passwords in URLs of store and proxy, PGPASSWORD, and
// headers and URLs of sources. A secret that cannot be read is left to whoever needs it.
void learn_secrets(const Settings& settings);
void learn_secrets(const Sources& sources);

}  // namespace tapedeck
