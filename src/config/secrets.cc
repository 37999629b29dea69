#include "config/secrets.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>

#include "base/system_fault.h"

namespace tapedeck {
namespace {

constexpr std::size_t kMostBytes = 65'536;

Result<std::string> read_file(std::string_view name, const std::string& path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text(kMostBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.is_open() || file.bad()) {
        return Error{ErrorKind::unavailable,
                     fmt::format("secret {}: cannot read {}: {}", name, path, system_fault(errno))};
    }
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > kMostBytes) {
        return Error{ErrorKind::rejected,
                     fmt::format("secret {}: {} is larger than 64 KiB", name, path)};
    }
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
    return text;
}

}  // namespace

Result<Secret> find_secret(const Named<SecretSettings>& secrets, std::string_view name) {
    const auto found = secrets.find(name);
    if (found == secrets.end()) {
        return Error{ErrorKind::rejected,
                     fmt::format("there is no [secret] {}: add [secret.{}] with env or file", name,
                                 toml_key(name))};
    }
    const SecretSettings& secret = found->second;
    if (!secret.file.empty()) {
        auto text = read_file(name, secret.file);
        if (!text) return text.error();
        if (text->empty()) {  // whoever rotates it may be about to fill it
            return Error{ErrorKind::unavailable,
                         fmt::format("secret {}: {} is empty", name, secret.file)};
        }
        return Secret(*std::move(text));
    }
    const char* value = std::getenv(secret.env.c_str());
    if (value == nullptr || *value == '\0') {
        return Error{ErrorKind::rejected,
                     fmt::format("secret {}: the environment has no {}", name, secret.env)};
    }
    return Secret(value);
}

}  // namespace tapedeck
