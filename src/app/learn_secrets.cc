#include "app/learn_secrets.h"

#include <cstdlib>
#include <filesystem>

#include "app/output.h"
#include "base/url_text.h"
#include "config/secrets.h"

namespace tapedeck {
namespace {

void learn_url(std::string_view url, SecretReach reach) {
    for (const Secret& one : secrets_in_url(url)) known_secrets()->know(one, reach);
}

void learn_environment() {
    if (const char* password = std::getenv("PGPASSWORD")) {
        known_secrets()->know(Secret(password), SecretReach::service);
    }
    for (const char* name :
         {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
        if (const char* proxy = std::getenv(name)) learn_url(proxy, SecretReach::site);
    }
}

}  // namespace

void learn_secrets(const Settings& settings) {
    for (const auto& [name, secret] : settings.secrets) {
        // A pipe can be read once, and that is for the one who needs it.
        std::error_code ignored;
        if (!secret.file.empty() && !std::filesystem::is_regular_file(secret.file, ignored))
            continue;
        if (const auto found = find_secret(settings.secrets, name)) {
            const bool of_a_service = name == settings.store.secret ||
                                      name == settings.tape.kafka.secret ||
                                      name == settings.tape.kafka.key_secret;
            // Which source is told the others is not known here, nor which site repeats them.
            known_secrets()->know(*found, of_a_service ? SecretReach::service : SecretReach::site);
        }
    }
    if (const auto* postgres = std::get_if<PostgresUrl>(&settings.store.url.target)) {
        known_secrets()->know(postgres->password, SecretReach::service);
    }
    learn_url(settings.net.proxy.reveal(), SecretReach::site);
    learn_environment();
}

void learn_secrets(const Sources& sources) {
    for (const auto& [name, source] : sources) {
        Request request;
        request.url = source->url;
        request.headers = source->headers;
        add_confidential(*source, request);
        for (const Secret& one : request.confidential) {
            if (one.reveal().find("{key}") != std::string::npos) continue;  // filled in when asked
            known_secrets()->know(one, SecretReach::site);
        }
        if (!source->session) continue;
        learn_url(source->session->cookie_url, SecretReach::site);
        learn_url(source->session->crumb_url, SecretReach::site);
    }
}

}  // namespace tapedeck
