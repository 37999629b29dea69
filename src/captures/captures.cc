#include "captures/captures.h"

namespace tapedeck {

// A session's cookies are as good as its password.
std::string kept_headers(const std::vector<std::pair<std::string, std::string>>& headers) {
    std::string lines;
    for (const auto& [name, value] : headers) {
        if (name == "set-cookie" || name == "authorization" || name == "proxy-authorization" ||
            name == "authentication-info" || name == "cookie") {
            continue;
        }
        lines.append(name).append(": ").append(value).append("\n");
    }
    return lines;
}

Result<std::string> Captures::put(const CapturedAnswer& answer) {
    auto kept = put_all({&answer, 1});
    if (!kept) return kept.error();
    return std::move(kept->front());
}

}  // namespace tapedeck
