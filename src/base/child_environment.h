#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tapedeck {

// What of our environment a child process is given, as "NAME=value": what any program needs to find
// its files, its language and its user (PATH, HOME, USER, LOGNAME, SHELL, LANG, LANGUAGE, LC_*, TZ,
// TZDIR, TMPDIR, TERM, LD_LIBRARY_PATH, SSL_CERT_FILE, SSL_CERT_DIR, XDG_RUNTIME_DIR,
// DBUS_SESSION_BUS_ADDRESS, TAPEDECK_CONFIG), and those that `also` names; "PG*" there is every
// name that begins with PG. Everything else stays here, as it may be a secret.
std::vector<std::string> child_environment(std::span<const std::string> also);

// What execve takes; borrows `texts`.
std::vector<char*> pointers_to(std::vector<std::string>& texts);

}  // namespace tapedeck
