#include "tape/kafka/kafka_settings.h"

namespace tapedeck {

std::vector<OptionFault> option_faults(const KafkaTapeSettings& settings) {
    std::vector<OptionFault> faults;
    if (settings.user.empty() && !settings.secret.empty()) {
        faults.push_back({"secret", "secret is the password of a user, and there is none"});
    }
    if (!settings.user.empty() && settings.secret.empty()) {
        faults.push_back({"user", "user needs the [secret] with its password: secret"});
    }
    if (settings.certificate_file.empty() != settings.key_file.empty()) {
        faults.push_back({settings.key_file.empty() ? "certificate_file" : "key_file",
                          "certificate_file and key_file go together"});
    }
    const bool files = !settings.ca_file.empty() || !settings.certificate_file.empty() ||
                       !settings.key_file.empty();
    if (files && !settings.tls) {
        faults.push_back({"tls", "tls is false, and files for it are named: write tls = true"});
    }
    return faults;
}

}  // namespace tapedeck
