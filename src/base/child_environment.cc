#include "base/child_environment.h"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace tapedeck {
namespace {

constexpr std::array<std::string_view, 18> kAlways{"PATH",
                                                   "HOME",
                                                   "USER",
                                                   "LOGNAME",
                                                   "SHELL",
                                                   "LANG",
                                                   "LANGUAGE",
                                                   "LC_*",
                                                   "TZ",
                                                   "TZDIR",
                                                   "TMPDIR",
                                                   "TERM",
                                                   "LD_LIBRARY_PATH",
                                                   "SSL_CERT_FILE",
                                                   "SSL_CERT_DIR",
                                                   "XDG_RUNTIME_DIR",
                                                   "DBUS_SESSION_BUS_ADDRESS",
                                                   "TAPEDECK_CONFIG"};

bool names(std::string_view pattern, std::string_view name) {
    if (!pattern.ends_with('*')) return pattern == name;
    return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

std::vector<std::string> child_environment(std::span<const std::string> also) {
    std::vector<std::string> passed;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::string_view name = text.substr(0, text.find('='));
        const auto is_meant = [&](std::string_view pattern) { return names(pattern, name); };
        if (std::ranges::any_of(kAlways, is_meant) || std::ranges::any_of(also, is_meant)) {
            passed.emplace_back(text);
        }
    }
    return passed;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
}

}  // namespace tapedeck
