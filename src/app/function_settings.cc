#include "app/function_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "app/config.h"
#include "app/settings_text.h"
#include "base/words.h"
#include "config/values.h"

namespace tapedeck {
namespace {

constexpr std::size_t kMostTomlBytes = 3'500;  // of AWS's 4 KB; the rest is for secrets
// What concerns stores, schedules' bookkeeping and this machine stays here.
constexpr std::string_view kTold = "tape net aws captures feed source dag calendar secret";
constexpr std::string_view kOfThisMachine =
    "tape.spool tape.ca_file tape.certificate_file tape.key_file captures.path net.ca_file "
    "aws.profile aws.endpoint";

std::string dotted(const ShownValue& value) {
    std::string name;
    for (const std::string& part : value.table) name += toml_key(part) + ".";
    return name + value.key;
}

std::map<std::string, std::string> values_of(const Settings& settings) {
    std::map<std::string, std::string> values;
    for (const ShownValue& value : shown_values(settings)) {
        if (is_among(kTold, value.table.front())) values[dotted(value)] = value.toml;
    }
    return values;
}

Error cannot(const std::string& key, std::string_view why) {
    return {ErrorKind::rejected, fmt::format("{} would not reach the function: {}", key, why)};
}

}  // namespace

Result<FunctionSettings> function_settings(const Settings& settings) {
    if (!settings.sources.folder.empty()) {
        return cannot("[sources] folder", "it holds the shipped sources and [source.NAME] alone");
    }
    const auto plain = load_config_text({}, "", "built in");
    if (!plain) return plain.error();
    const auto usual = values_of(plain->settings);
    FunctionSettings out;
    for (const auto& [key, toml] : values_of(settings)) {
        const auto known = usual.find(key);
        if (known != usual.end() && known->second == toml) continue;
        if (is_among(kOfThisMachine, key)) {
            const bool matters = key.ends_with("_file");
            if (matters) return cannot(key, "it is a file of this machine");
            continue;
        }
        if (toml.find("***") != std::string::npos) {
            return cannot(key, "it is a secret: name it in a [secret] with env");
        }
        if (key.starts_with("secret.") && key.ends_with(".file")) {
            return cannot(key, "it is a file of this machine: name a variable with env");
        }
        out.toml += fmt::format("{} = {}\n", key, toml);
    }
    for (const auto& [name, secret] : settings.secrets) {
        if (!secret.env.empty()) out.secrets.push_back(secret.env);
    }
    if (out.toml.size() <= kMostTomlBytes) return out;
    return Error{
        ErrorKind::rejected,
        fmt::format("the function would be told {} bytes of configuration, and AWS takes 4 "
                    "KB of variables: fewer instruments, or feeds of functions of their own",
                    out.toml.size())};
}

}  // namespace tapedeck
