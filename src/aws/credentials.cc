#include "aws/credentials.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "aws/encoding.h"
#include "aws/json_text.h"
#include "base/mutex.h"
#include "net/url.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr auto kBeforeExpiry = 5min;
constexpr const char* kInstance = "http://169.254.169.254";
constexpr const char* kContainer = "http://169.254.170.2";

std::string home_of(const AwsSurroundings& around) { return around.variable("HOME").value_or(""); }

std::string path_of(const AwsSurroundings& around, const char* variable, const char* usual) {
    std::string path = around.variable(variable).value_or(std::string("~/.aws/") + usual);
    if (path.starts_with("~/")) path = home_of(around) + path.substr(1);
    return path;
}

Error missing(std::string what) { return {ErrorKind::rejected, std::move(what)}; }

std::string value_of(const AwsProfile& profile, std::string_view key) {
    const auto found = profile.find(key);
    return found == profile.end() ? std::string() : found->second;
}

// The name of single sign-on's cached token: SHA-1 of the session's name or start URL, in hex.
std::string sso_cache_name(const std::string& key) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(key.data(), key.size(), digest, &size, EVP_sha1(), nullptr);
    return hex(std::span<const std::uint8_t>(digest, size));
}

// Keys as the endpoints give them.
Result<AwsCredentials> of_json(const std::string& text, std::string origin) {
    const auto json = JsonText::parse(text);
    if (!json) return in_context(origin, json.error());
    AwsCredentials found;
    found.access_key = json->text("/AccessKeyId");
    found.secret_key = Secret(json->text("/SecretAccessKey"));
    found.session_token = Secret(json->text("/Token"));
    if (const auto time = parse_rfc3339(json->text("/Expiration"))) found.expires = *time;
    found.origin = std::move(origin);
    if (found.access_key.empty() || found.secret_key.empty()) {
        return Error{ErrorKind::malformed, found.origin + " gave no keys"};
    }
    return found;
}

Result<std::optional<AwsCredentials>> of_answer(const Result<Answer>& answer,
                                                std::string_view endpoint, std::string origin) {
    if (!answer) return in_context(std::string(endpoint), answer.error());
    if (answer->status != 200)
        return missing(fmt::format("{} answered {}", endpoint, answer->status));
    auto keys = of_json(answer->body, std::move(origin));
    if (!keys) return keys.error();
    return std::optional(*std::move(keys));
}

// Tokens go to this machine, to the container's own addresses, or over TLS (as AWS's tools have
// it).
bool may_have_token(const std::string& url) {
    const std::string host = host_of(url);
    const std::string name = host.substr(0, host.rfind(':'));
    return url.starts_with("https://") || is_loopback(host) || name == "169.254.170.2" ||
           name == "169.254.170.23" || host.starts_with("[fd00:ec2::23]");
}

}  // namespace

AwsSurroundings AwsSurroundings::of_the_process() {
    return {[](const std::string& name) -> std::optional<std::string> {
                const char* value = std::getenv(name.c_str());
                if (value == nullptr || *value == '\0') return std::nullopt;
                return value;
            },
            [](const std::string& path) -> std::optional<std::string> {
                std::ifstream file(path, std::ios::binary);
                if (!file.is_open()) return std::nullopt;
                std::ostringstream text;
                text << file.rdbuf();
                return text.str();
            }};
}

Result<AwsProfiles> read_profiles(const AwsSurroundings& around) {
    AwsProfiles profiles;
    const std::string credentials = path_of(around, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
    if (const auto text = around.file(credentials)) {
        if (auto done = add_profiles(profiles, *text, credentials, false); !done)
            return done.error();
    }
    const std::string config = path_of(around, "AWS_CONFIG_FILE", "config");
    if (const auto text = around.file(config)) {
        if (auto done = add_profiles(profiles, *text, config, true); !done) return done.error();
    }
    return profiles;
}

std::string profile_name(const AwsSurroundings& around, const std::string& chosen) {
    return chosen.empty() ? around.variable("AWS_PROFILE").value_or("default") : chosen;
}

std::string region_of(const AwsSurroundings& around, const AwsProfiles& profiles,
                      const std::string& profile, const std::string& chosen) {
    if (!chosen.empty()) return chosen;
    for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
        if (auto value = around.variable(name)) return *value;
    }
    const auto found = profiles.find(profile);
    return found == profiles.end() ? std::string() : value_of(found->second, "region");
}

Result<AwsCredentials> AwsCredentialChain::get() {
    const Lock lock(mutex_);
    if (kept_ && (!kept_->expires || parts_.clock.now() < *kept_->expires - kBeforeExpiry)) {
        return *kept_;
    }
    using Step = Result<std::optional<AwsCredentials>> (AwsCredentialChain::*)();
    auto found = of_environment();
    for (const Step step : {&AwsCredentialChain::of_profile, &AwsCredentialChain::of_container,
                            &AwsCredentialChain::of_instance}) {
        if (!found || *found) break;
        found = (this->*step)();
    }
    if (!found) return found.error();
    if (!*found) {
        return missing(
            "no credentials of AWS: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws "
            "configure` or `aws sso login`, or run where a role is attached");
    }
    if ((*found)->expires && (*found)->expires <= parts_.clock.now()) {
        return missing(fmt::format("the credentials of {} expired at {}", (*found)->origin,
                                   format_rfc3339(*(*found)->expires)));
    }
    if (parts_.learned) {
        parts_.learned((*found)->secret_key);
        if (!(*found)->session_token.empty()) parts_.learned((*found)->session_token);
    }
    kept_ = **found;
    return *kept_;
}

Result<std::optional<AwsCredentials>> AwsCredentialChain::of_environment() const {
    if (!parts_.profile.empty()) return std::optional<AwsCredentials>();
    const auto key = parts_.around.variable("AWS_ACCESS_KEY_ID");
    if (!key) return std::optional<AwsCredentials>();
    const auto secret = parts_.around.variable("AWS_SECRET_ACCESS_KEY");
    if (!secret) {
        return missing("the environment has AWS_ACCESS_KEY_ID without AWS_SECRET_ACCESS_KEY");
    }
    AwsCredentials found;
    found.access_key = *key;
    found.secret_key = Secret(*secret);
    found.session_token = Secret(parts_.around.variable("AWS_SESSION_TOKEN").value_or(""));
    if (const auto until = parts_.around.variable("AWS_CREDENTIAL_EXPIRATION")) {
        if (const auto time = parse_rfc3339(*until)) found.expires = *time;
    }
    found.origin = "the environment";
    return std::optional(std::move(found));
}

Result<std::optional<AwsCredentials>> AwsCredentialChain::of_profile() {
    const auto profiles = read_profiles(parts_.around);
    if (!profiles) return profiles.error();
    const std::string name = profile_name(parts_.around, parts_.profile);
    const auto found = profiles->find(name);
    if (found == profiles->end()) {
        const bool asked_for = !parts_.profile.empty() || parts_.around.variable("AWS_PROFILE");
        if (!asked_for) return std::optional<AwsCredentials>();
        return missing(fmt::format("the shared files of AWS have no profile {}", name));
    }
    const AwsProfile& profile = found->second;
    if (!value_of(profile, "aws_access_key_id").empty()) {
        AwsCredentials keys;
        keys.access_key = value_of(profile, "aws_access_key_id");
        keys.secret_key = Secret(value_of(profile, "aws_secret_access_key"));
        keys.session_token = Secret(value_of(profile, "aws_session_token"));
        keys.origin = "profile " + name;
        if (keys.secret_key.empty()) {
            return missing(fmt::format("profile {} has no aws_secret_access_key", name));
        }
        return std::optional(std::move(keys));
    }
    if (profile.contains("sso_account_id")) return of_sso(*profiles, profile, name);
    for (const char* key : {"role_arn", "credential_process", "web_identity_token_file"}) {
        if (profile.contains(key)) {
            return missing(
                fmt::format("profile {} has {}, which is not taken here: put its keys "
                            "into the environment (`aws configure export-credentials`)",
                            name, key));
        }
    }
    return std::optional<AwsCredentials>();
}

Result<std::optional<AwsCredentials>> AwsCredentialChain::of_sso(const AwsProfiles& profiles,
                                                                 const AwsProfile& profile,
                                                                 const std::string& name) {
    std::string region = value_of(profile, "sso_region");
    std::string key = value_of(profile, "sso_start_url");
    if (const std::string session = value_of(profile, "sso_session"); !session.empty()) {
        key = session;
        const auto section = profiles.find("sso-session " + session);
        if (section != profiles.end()) region = value_of(section->second, "sso_region");
    }
    const auto cached = parts_.around.file(home_of(parts_.around) + "/.aws/sso/cache/" +
                                           sso_cache_name(key) + ".json");
    const std::string log_in = fmt::format("`aws sso login --profile {}`", name);
    if (!cached) return missing(fmt::format("profile {}: nobody has logged in: {}", name, log_in));
    const auto json = JsonText::parse(*cached);
    if (!json) return in_context("single sign-on's cache", json.error());
    const auto until = parse_rfc3339(json->text("/expiresAt"));
    if (!until || *until <= parts_.clock.now()) {
        return missing(fmt::format("profile {}: the login is over: {}", name, log_in));
    }
    if (parts_.learned) parts_.learned(Secret(json->text("/accessToken")));
    Request request;
    request.url = parts_.around.variable("AWS_ENDPOINT_URL_SSO")
                      .value_or(fmt::format("https://portal.sso.{}.amazonaws.com", region)) +
                  "/federation/credentials?" +
                  query_text({{"account_id", value_of(profile, "sso_account_id")},
                              {"role_name", value_of(profile, "sso_role_name")}});
    request.headers.push_back({"x-amz-sso_bearer_token", Secret(json->text("/accessToken"))});
    const auto answer = ask(std::move(request));
    if (!answer) return in_context("single sign-on", answer.error());
    const auto said = JsonText::parse(answer->body);
    if (!said || answer->status != 200) {
        return missing(fmt::format("profile {}: single sign-on answered {}: {}", name,
                                   answer->status, log_in));
    }
    AwsCredentials keys;
    keys.access_key = said->text("/roleCredentials/accessKeyId");
    keys.secret_key = Secret(said->text("/roleCredentials/secretAccessKey"));
    keys.session_token = Secret(said->text("/roleCredentials/sessionToken"));
    const std::string expires = said->text("/roleCredentials/expiration");
    keys.expires = Timestamp(std::chrono::milliseconds(std::strtoll(expires.c_str(), nullptr, 10)));
    keys.origin = "profile " + name;
    return std::optional(std::move(keys));
}

Result<std::optional<AwsCredentials>> AwsCredentialChain::of_container() {
    const auto& variable = parts_.around.variable;
    const auto relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const auto full = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!relative && !full) return std::optional<AwsCredentials>();
    Request request;
    request.url = relative ? kContainer + *relative : *full;
    if (!may_have_token(request.url)) {
        return missing("AWS_CONTAINER_CREDENTIALS_FULL_URI names a host that may have no token: " +
                       host_of(request.url));
    }
    std::string token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
    if (const auto path = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
        const auto text = parts_.around.file(*path);
        if (!text) return missing("the container's token cannot be read: " + *path);
        token = text->substr(0, text->find_last_not_of("\r\n") + 1);
    }
    if (!token.empty()) request.headers.push_back({"Authorization", Secret(std::move(token))});
    constexpr const char* kEndpoint = "the container's endpoint of credentials";
    return of_answer(ask(std::move(request)), kEndpoint, kEndpoint);
}

Result<std::optional<AwsCredentials>> AwsCredentialChain::of_instance() {
    const auto& variable = parts_.around.variable;
    if (variable("AWS_EC2_METADATA_DISABLED").value_or("") == "true") {
        return std::optional<AwsCredentials>();
    }
    const std::string endpoint = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or(kInstance);
    Request request;
    request.url = endpoint + "/latest/api/token";
    request.method = Method::put;
    request.headers.push_back({"X-aws-ec2-metadata-token-ttl-seconds", Secret("21600")});
    request.timeout = request.connect_timeout = 1s;
    const auto token = ask(request);
    if (!token || token->status != 200) return std::optional<AwsCredentials>();  // on no instance
    const Header header{"X-aws-ec2-metadata-token", Secret(token->body)};
    const auto get = [&](const std::string& path) {
        Request asked;
        asked.url = endpoint + "/latest/meta-data/iam/security-credentials/" + path;
        asked.headers.push_back(header);
        asked.timeout = 5s;
        return ask(std::move(asked));
    };
    const auto role = get("");
    if (!role) return in_context("the instance's endpoint of credentials", role.error());
    if (role->status == 404) return missing("this instance has no role, and there are no keys");
    return of_answer(get(role->body.substr(0, role->body.find('\n'))),
                     "the instance's endpoint of credentials", "the instance's role");
}

Result<Answer> AwsCredentialChain::ask(Request request) {
    request.max_redirects = 0;
    request.max_bytes = 1 << 20;
    request.timeout = std::min(request.timeout, std::chrono::milliseconds(5s));
    parts_.client.start(RequestId(0), std::move(request));
    auto answers = parts_.client.wait(10s, {});
    if (answers.empty()) return Error{ErrorKind::unavailable, "no answer"};
    if (answers[0].failure) return Error{ErrorKind::unavailable, answers[0].failure->what};
    return std::move(answers[0]);
}

}  // namespace tapedeck
