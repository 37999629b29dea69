#include "config/secrets.h"

#include <fmt/format.h>

#include "config/secret_place.h"

namespace tapedeck {

Result<Secret> find_secret(const Settings& settings, std::string_view name) {
    const auto found = settings.secrets.find(name);
    if (found == settings.secrets.end()) {
        return Error{ErrorKind::rejected,
                     fmt::format("there is no [secret] {}: add [secret.{}] with env or file", name,
                                 toml_key(name))};
    }
    return read_secret(name, found->second);
}

Result<StoreUrl> store_url_with_secret(const Settings& settings) {
    StoreUrl url = settings.store.url;
    auto* postgres = std::get_if<PostgresUrl>(&url.target);
    if (postgres == nullptr || settings.store.secret.empty()) return url;
    auto password = find_secret(settings, settings.store.secret);
    if (!password) return password.error();
    postgres->password = *std::move(password);
    return url;
}

}  // namespace tapedeck
